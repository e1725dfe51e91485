"""The store's own score as a second opinion: mixed with the reranker's, where a rule gives it a weight.

The two kinds of scores have different scales, so both are standardised within the candidates: less their
mean, in units of their standard deviation. Which way the store's scores go, its order tells, best first:
falling ones are similarities, rising ones are distances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def blended(values: NDArray[np.float32], store: Sequence[float | None], weight: float) -> NDArray[np.float32]:
    """Return `(1 - weight) * reranker + weight * store` of standardised scores, float32, shape (n,).

    `values`, float32 of shape (n,), are the reranker's: NaN where it has none, and so is the result there;
    `store` are the store's own, parallel to it, in the store's order. Scores that are all equal say nothing
    and count as 0. Without a mix of its own everywhere there is none anywhere: `values` come back as they are
    if a candidate lacks the store's score, or if the store's order is not that of its scores.
    """
    scored = ~np.isnan(values)
    ours = values[scored].astype(np.float64)
    theirs = _best_highest(np.array([np.nan if one is None else one for one in store], np.float64))
    if theirs is None or len(ours) < 2:
        return values
    mixed = np.full_like(values, np.nan)
    mixed[scored] = (1 - weight) * _standardised(ours) + weight * _standardised(theirs[scored])
    return mixed


def _best_highest(scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return scores, the best one first, such that higher is better; None if they have no direction."""
    if not np.isfinite(scores).all():
        return None
    before, after = scores[:-1], scores[1:]
    if (after <= before).all():
        return scores
    return -scores if (after >= before).all() else None


def _standardised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many standard deviations each is above the mean; zeros if all are equal."""
    # The largest floats have no squares, and no differences.
    scores = scores / (np.abs(scores).max() or 1.0)
    deviation = scores.std() if np.ptp(scores) else 0.0
    return (scores - scores.mean()) / deviation if deviation else np.zeros_like(scores)
