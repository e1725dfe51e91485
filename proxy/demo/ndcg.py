"""NDCG: how good an order is, given graded answers, and how sure a mean difference is.

Gain is the grade itself and discount is log2(rank + 1), as in trec_eval and BEIR, so that figures compare
with theirs: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def ndcg(ranked: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Return NDCG@k, from 0 to 1; names that `grades` lacks count as 0, and so does an answer cut short.

    A name that is ranked twice counts once, at its first place. Without any relevant name the result is 0.
    """
    distinct = list(dict.fromkeys(ranked))
    ideal = _discounted(sorted(grades.values(), reverse=True)[:k])
    return _discounted([grades.get(name, 0) for name in distinct[:k]]) / ideal if ideal else 0.0


def mean_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of after - before and the ends of its 95 % interval, by paired bootstrap.

    The resampling has a fixed seed: equal input gives an equal interval.
    """
    differences = np.subtract(after, before)
    resampled = np.random.default_rng(0).choice(differences, (10_000, len(differences))).mean(axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return float(differences.mean()), float(low), float(high)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
