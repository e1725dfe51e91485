"""Two ways asked the same questions: how much they differ, and how sure that is.

Both tests resample questions, not documents: Smucker, Allan & Carterette, "A comparison of statistical
significance tests for information retrieval evaluation", CIKM 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_RESAMPLED = 10_000
# Numbers drawn at a time: 8 MB of them, however many questions there are.
_AT_ONCE = 1_000_000
# So many differences have 8,192 patterns of signs: all of them are tried.
_FEW = 13
# Sums of the same numbers in another order differ by less, and gains that matter by more.
_EQUAL = 1e-9


class WinsLosses(NamedTuple):
    """Questions that the second way answers better, equally well and worse."""

    wins: int
    ties: int
    losses: int


def mean_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of after - before and the ends of its 95 % interval, by paired bootstrap.

    The resampling has a fixed seed: equal input gives an equal interval. The interval of a few questions is
    too narrow, and of a single one a point: what was not seen can't be drawn.

    Raises:
        ValueError: The lists are empty or differ in length.
    """
    differences = _differences(before, after)
    random = np.random.default_rng(0)
    means = np.concatenate(
        [
            random.choice(differences, (rows, differences.size)).mean(axis=1)
            for rows in _rows(differences.size)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return float(differences.mean()), float(low), float(high)


def randomisation_p(before: Sequence[float], after: Sequence[float]) -> float:
    """Return how likely a mean difference at least as far from 0 is if both ways are as good (two-sided).

    Each difference could then as well have had the other sign. All patterns of signs are tried if they are
    few, else 10,000 drawn with a fixed seed, and the observed one is counted with them, so that p is never 0
    (Phipson & Smyth, "Permutation p-values should never be zero", 2010). Neither the order of the questions
    nor exchanging the two ways changes the result.

    Raises:
        ValueError: The lists are empty or differ in length.
    """
    differences = _differences(before, after)
    sizes = np.sort(np.abs(differences[np.abs(differences) > _EQUAL]))
    reached = abs(float(differences.sum())) - _EQUAL
    if sizes.size <= _FEW:
        patterns = (np.arange(2**sizes.size)[:, None] >> np.arange(sizes.size)) & 1
        return float(np.mean(_as_far(patterns, sizes, reached)))
    random = np.random.default_rng(0)
    extreme = sum(
        int(np.sum(_as_far(random.integers(0, 2, (rows, sizes.size)), sizes, reached)))
        for rows in _rows(sizes.size)
    )
    return (extreme + 1) / (_RESAMPLED + 1)


def wins_losses(before: Sequence[float], after: Sequence[float]) -> WinsLosses:
    """Count the questions that `after` answers better, equally well (within 1e-9) and worse than `before`.

    Raises:
        ValueError: The lists are empty or differ in length.
    """
    differences = _differences(before, after)
    wins = int(np.sum(differences > _EQUAL))
    losses = int(np.sum(differences < -_EQUAL))
    return WinsLosses(wins, differences.size - wins - losses, losses)


def _differences(before: Sequence[float], after: Sequence[float]) -> NDArray[np.float64]:
    if len(before) != len(after) or not len(before):
        raise ValueError(f"pairs of numbers are compared, not {len(before)} with {len(after)}")
    return np.subtract(after, before, dtype=np.float64)


def _rows(length: int) -> Iterator[int]:
    """Yield how many of the resampled lists of that length are drawn at a time."""
    at_once = max(1, _AT_ONCE // length)
    for start in range(0, _RESAMPLED, at_once):
        yield min(at_once, _RESAMPLED - start)


def _as_far(bits: NDArray[np.int64], sizes: NDArray[np.float64], reached: float) -> NDArray[np.bool_]:
    far: NDArray[np.bool_] = np.abs((2 * bits - 1) @ sizes) >= reached
    return far
