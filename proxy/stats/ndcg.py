"""NDCG: how good an order is, given graded answers.

Gain is the grade itself and discount is log2(rank + 1), as in trec_eval and BEIR, so that figures compare
with theirs: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Return NDCG@k, from 0 to 1; names that `grades` lacks count as 0, and so does an answer cut short.

    A name that is ranked twice counts once, at its first place. Without any relevant name the result is 0.
    A grade below 0 counts as 0, as in trec_eval.
    """
    distinct = list(dict.fromkeys(ranked))
    ideal = _discounted(sorted(grades.values(), reverse=True)[:k])
    return _discounted([grades.get(name, 0) for name in distinct[:k]]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
