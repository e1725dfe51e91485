"""How long many things took, in three figures.

A percentile is one of the times themselves, none between two: the least time within which that share of them
was done (nearest rank, the inverse of the empirical distribution function). So the p99 of 300 times is the
fourth slowest, as three are slower; of fewer than 100 times it is the slowest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class Latency(NamedTuple):
    """Seconds within which half, 95 % and 99 % were done."""

    p50: float
    p95: float
    p99: float


def percentiles(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of some times in any order; all are 0 where there are none."""
    if not len(seconds):
        return Latency(0.0, 0.0, 0.0)
    return Latency(*map(float, np.quantile(seconds, (0.5, 0.95, 0.99), method="inverted_cdf")))
