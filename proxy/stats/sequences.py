"""Running evidence that may be looked at after every value: the bounds of a mean, a test of no preference.

Both bet against a hypothesis: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by
betting", JRSSB 86(1), 2024, section 4. A gambler starts with 1 and stakes a share of the capital on every
value. Where the hypothesis holds no way of betting makes capital grow on average, so that the chance that it
*ever* reaches 1 / alpha is alpha at most (Ville's inequality): the hypothesis may be dropped as soon as it
does, whenever one looks and for whatever reason one stops. How much to stake isn't known beforehand. The
capital is split over a fixed grid of stakes, each of which is kept to; the mixture's capital is their sum.

Values needn't be independent or alike: what counts is the mean that each has given all before it. Where all
of these are 0 or above, an upper bound below 0 is wrong. Values that were found by doing the same over again
(a page that was drawn once and is shown many times) are no new evidence, and break this.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np

from proxy.stats import _state

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Shares of what can be staked without ever losing all. The best one is near sqrt(2 log(1 / alpha) / n) / sd:
# the largest fit the first hundred values, the smallest a million of them. Most of the capital is on large
# stakes, as one waits for the first thousand, but little on those next to 1: two thirds of the votes one way
# and a third the other are a clear preference, and ruin them. Measured in
# docs/decisions/013-anytime-valid-evidence.md.
_STAKES = np.geomspace(0.01, 0.95, 12)
_SHARES = _STAKES * np.sqrt(1 - _STAKES)
_LOG_SHARES = np.log(_SHARES / _SHARES.sum())
# Either way, half of the capital on each.
_SIGNED_STAKES = np.concatenate((_STAKES, -_STAKES))
_SIGNED_LOG_SHARES = np.concatenate((_LOG_SHARES, _LOG_SHARES)) - math.log(2)

# The values -1, -.95, ..., 1 by which a RunningMean remembers others.
_MARKS = np.linspace(-1, 1, 41)
_STEPS = _MARKS.size - 1
# Of [-1, 1], until a bound is known to .00003; of the two ends that are left, the safe one is returned.
_HALVINGS = 16
_LEAST = -1 + 2 / 2**_HALVINGS

# What is outside of [-1, 1] by more is no difference of two shares that was rounded.
_ROUNDING = 1e-9


class RunningMean:
    """The mean of values in [-1, 1], with bounds that hold at all times at once.

    A value is remembered as a mixture of the two marks around it. That keeps the mean, and by the concavity
    of the logarithm the capital won with the values themselves is at least what the marks tell: bounds stay
    valid. So 41 numbers remember any number of values, in whatever order they came.
    """

    __slots__ = ("_count", "_weights")

    def __init__(self) -> None:
        """Start without values."""
        self._count = 0
        self._weights = [0.0] * _MARKS.size

    def add(self, x: float) -> None:
        """Take in a value.

        Raises:
            ValueError: It is outside of [-1, 1] by more than rounding, or not a number.
        """
        place = (_bounded(x) + 1) / 2 * _STEPS
        below = min(int(place), _STEPS - 1)
        above = place - below
        self._weights[below] += 1 - above
        self._weights[below + 1] += above
        self._count += 1

    @property
    def count(self) -> int:
        """How many values there were."""
        return self._count

    @property
    def mean(self) -> float:
        """Their mean; 0 if there were none."""
        return float(np.dot(self._weights, _MARKS)) / self._count if self._count else 0.0

    def lower(self, alpha: float) -> float:
        """Return what the mean is at least; the chance that this is ever wrong is `alpha` at most."""
        return _lower_bound(np.asarray(self._weights), alpha)

    def upper(self, alpha: float) -> float:
        """Return what the mean is at most; the chance that this is ever wrong is `alpha` at most."""
        return -_lower_bound(np.asarray(self._weights[::-1]), alpha)

    def above(self, bound: float, alpha: float) -> bool:
        """Say whether `lower(alpha)` is above `bound`, to .00003, at a tenth of the cost."""
        return _all_dropped(np.asarray(self._weights), bound, alpha)

    def below(self, bound: float, alpha: float) -> bool:
        """Say whether `upper(alpha)` is below `bound`, to .00003, at a tenth of the cost."""
        return _all_dropped(np.asarray(self._weights[::-1]), -bound, alpha)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return both bounds; the chance that one of them is ever wrong is `alpha` at most."""
        return self.lower(alpha / 2), self.upper(alpha / 2)

    def to_state(self) -> dict[str, object]:
        """Return what `from_state` takes, of JSON's own types."""
        return {"count": self._count, "weights": list(self._weights)}

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Return the sequence that said this of itself.

        Raises:
            ValueError: No sequence did.
        """
        restored = cls()
        restored._count = _state.count(state, "count")
        restored._weights = _state.numbers(state, "weights", _MARKS.size, least=0, most=restored._count)
        # Each value adds 1, rounded.
        if abs(math.fsum(restored._weights) - restored._count) > 1e-6 * restored._count:
            raise ValueError("weights should add up to the count")
        return restored


class PreferenceTest:
    """A two-sided test that values in [-1, 1] have mean 0, as valid after every value as after the last.

    A value of 0 tells nothing, and one of .25 a quarter of what 1 tells.
    """

    __slots__ = ("_count", "_logs", "_most", "_sum")

    def __init__(self) -> None:
        """Start without values."""
        self._count = 0
        self._sum = 0.0
        # What has become of each stake's share of the capital, and the most that all ever had: logarithms.
        self._logs = _SIGNED_LOG_SHARES
        self._most = 0.0

    def add(self, x: float) -> None:
        """Take in a value.

        Raises:
            ValueError: It is outside of [-1, 1] by more than rounding, or not a number.
        """
        x = _bounded(x)
        self._count += 1
        if x:
            self._sum += x
            self._logs = self._logs + np.log1p(_SIGNED_STAKES * x)
            self._most = max(self._most, float(np.logaddexp.reduce(self._logs)))

    @property
    def count(self) -> int:
        """How many values there were."""
        return self._count

    @property
    def mean(self) -> float:
        """Their mean; 0 if there were none."""
        return self._sum / self._count if self._count else 0.0

    @property
    def p_value(self) -> float:
        """The smallest level at which a mean of 0 was rejected so far, at most 1: it never rises.

        That is 1 over the most capital there ever was. If the mean is 0 the chance that this ever falls to p
        is p at most.
        """
        return math.exp(-self._most)

    def to_state(self) -> dict[str, object]:
        """Return what `from_state` takes, of JSON's own types."""
        return {"count": self._count, "sum": self._sum, "most": self._most, "logs": self._logs.tolist()}

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Return the test that said this of itself.

        Raises:
            ValueError: No test did.
        """
        restored = cls()
        restored._count = count = _state.count(state, "count")
        restored._sum = _state.number(state, "sum", least=-count, most=count)
        # A value can't make more of the capital than twice as much, or leave less of a stake than a 20th.
        restored._most = _state.number(state, "most", least=0, most=count)
        logs = _state.numbers(state, "logs", _SIGNED_STAKES.size, least=-7 - 3 * count, most=count)
        restored._logs = np.array(logs)
        if np.logaddexp.reduce(restored._logs) > restored._most + 1e-6:
            raise ValueError("most should be the most that the capital ever was")
        return restored


def _bounded(x: float) -> float:
    if not abs(x) <= 1 + _ROUNDING:
        raise ValueError(f"a value should be from -1 to 1, not {x}")
    return min(1.0, max(-1.0, float(x)))


def _lower_bound(weights: NDArray[np.float64], alpha: float) -> float:
    """Return a mean up to which all have been dropped, -1 if none was; `weights` are of the marks."""
    dropped, kept = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (dropped + kept) / 2
        if _all_dropped(weights, middle, alpha):
            dropped = middle
        else:
            kept = middle
    return dropped


def _all_dropped(weights: NDArray[np.float64], mean: float, alpha: float) -> bool:
    """Say whether this mean and all below it are dropped at level `alpha`.

    Against a mean m, the stake s turns 1 into 1 + s (x - m) / (1 + m), which is above 0 for every x and falls
    as m rises. So does the capital: if a mean is dropped, all below it are.
    """
    relative = (_MARKS + 1) / (1 + max(mean, _LEAST)) - 1
    logs = np.log1p(_STAKES[:, None] * relative) @ weights + _LOG_SHARES
    return bool(np.logaddexp.reduce(logs) >= -math.log(alpha))
