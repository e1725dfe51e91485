"""Audits of near hits: how well two rankings agree, and how many disagreements are too many.

All of it is plain decisions: whoever scores again tells here what came out of it.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Fewer texts are no list: any two of them have a good chance to come in the same order.
FEWEST = 5
# Below this agreement a hit counts as false; see docs/decisions/010-audited-hits.md.
LEAST_AGREEMENT = 0.3
# The audits that the rate is taken of: older ones say little about what is asked now.
_WINDOW = 500
# How likely so many false hits may be by chance, at the highest rate that is allowed, before that is blamed.
# It is asked again with every false hit, so it must be far below the chance that is really taken.
_CHANCE = 1e-4
# From here on hardly more than a small word or a letter differs: reuse is as good as off.
OFF = 0.995


def agreement(reused: NDArray[np.float32], own: NDArray[np.float32]) -> float | None:
    """Return how alike two lists of scores order the same texts: from -1, reversed, to 1, the same.

    Both are float32, shape (n,), NaN where there is none; what lacks one of them is left out. None if fewer
    than five texts are left, or one list has no order, all being equal.

    Kendall's tau with ties (tau-b), where a pair of texts weighs the more the higher they stand: each adds
    1 / (1 + rank), as in Vigna, "A weighted correlation index for rankings with ties", WWW 2015.
    The mean is taken of ranks by either list. The top is the page that is shown; the rest hardly matters.
    """
    known = np.isfinite(reused) & np.isfinite(own)
    if np.count_nonzero(known) < FEWEST:
        return None
    one, other = reused[known], own[known]
    found = [_weighted_tau(one, other, ranks) for ranks in (_ranks(one, other), _ranks(other, one))]
    return None if any(map(math.isnan, found)) else float(np.clip(np.mean(found), -1.0, 1.0))


def _weighted_tau(one: NDArray[np.float32], other: NDArray[np.float32], ranks: NDArray[np.intp]) -> float:
    """Return tau-b with weights by rank; NaN if one of the lists has no order."""
    weights = 1.0 / (1.0 + ranks)
    pairs = weights[:, np.newaxis] + weights
    x, y = (np.sign(np.subtract.outer(scores, scores)) for scores in (one, other))
    squares = float((pairs * x * x).sum()) * float((pairs * y * y).sum())
    return float((pairs * x * y).sum()) / math.sqrt(squares) if squares else math.nan


def _ranks(first: NDArray[np.float32], then: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rank of each text, 0 for the highest score, by one list and in ties by another."""
    ranks = np.empty(len(first), np.intp)
    ranks[np.lexsort((then, first))[::-1]] = np.arange(len(first))
    return ranks


class FalseHits:
    """The measured rate of false hits, and the threshold, which rises when that is too high.

    It rises when the false hits among the last 500 audits are more than chance explains at the highest rate
    allowed: a one-sided exact binomial test. One unlucky audit is no reason, and where every other hit is
    false, half a dozen are. The new threshold is half as far from 1: as two (1 - cosine) is the square of the
    distance of two unit vectors, a step shrinks the neighbourhood alike wherever it starts, and a handful of
    them leads from any threshold to `OFF`. The audits so far say nothing about it, and are forgotten. It
    never falls by itself: nobody knows what the hits would be like that are not made any more.
    """

    def __init__(
        self, threshold: float, max_rate: float, *, least_agreement: float = LEAST_AGREEMENT
    ) -> None:
        """Begin with a threshold, a cosine, and the share of hits that may be false."""
        self.threshold = threshold
        self.audited = 0  # since the start
        self.false = 0
        self._max_rate = max_rate
        self._least_agreement = least_agreement
        self._window: deque[bool] = deque(maxlen=_WINDOW)

    @property
    def rate(self) -> float:
        """The share of false hits among the last audits at this threshold; 0 where there are none."""
        return sum(self._window) / len(self._window) if self._window else 0.0

    @property
    def off(self) -> bool:
        """Whether the threshold is so high that hardly anything is near enough."""
        return self.threshold >= OFF

    def record(self, agreed: float) -> bool:
        """Take in the agreement of a hit's scores with the query's own; True if the threshold has risen."""
        false = agreed < self._least_agreement
        self.audited += 1
        self.false += false
        self._window.append(false)
        if not false or not self._is_too_high():
            return False
        self.threshold = 1.0 - (1.0 - self.threshold) / 2
        self._window.clear()
        return True

    def _is_too_high(self) -> bool:
        return chance_of_more(sum(self._window), len(self._window), self._max_rate) < _CHANCE


def chance_of_more(count: int, trials: int, rate: float) -> float:
    """Return the probability of `count` or more among so many trials that succeed at a rate; exact."""
    fewer = (math.comb(trials, k) * rate**k * (1.0 - rate) ** (trials - k) for k in range(count))
    return 1.0 - math.fsum(fewer)
