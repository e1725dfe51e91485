"""What a model call costs, learnt from every call: seconds by batch shape, as quantiles.

The prediction has two parts. A line, `fixed + per_token * tokens`, holds for every shape, also for those
not seen yet. What calls took in units of the line is kept; weighted quantiles (p50, p90) of that say how
far the machine is from its line now. Recent calls, and ones of the same shape, count most.

Quantiles, since on a shared machine a call takes its usual time or several times that, and their mean is a
time that no call takes; but many calls in a row take their mean. The line is fitted with the same caution: a
sample counts the less the farther it is off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Calls remembered.
_SAMPLES = 512
# After so many more calls, or so many seconds, a call counts half: a machine that has become slower is known
# to be after about that many calls, while one slow call in seven moves nothing but the p90.
_HALF_LIFE_CALLS = 64
_HALF_LIFE = 30.0
# What a call of another shape counts for, compared with one of the same shape.
_OTHER_SHAPE = 0.05
# Shapes are the same if their tokens are in the same quarter of an octave: 19 % apart at most.
_PER_OCTAVE = 4
# Calls after which quantiles and line are computed anew: the first few at once, then now and then.
_REFRESH = 16
# A sample this far from the line (as a logarithm: a factor of 1.28) counts half in its fit.
_OFF = 0.25
# What the line so far counts for, in samples: it stands where all calls have had the same size.
_INERTIA = 2.0

# What a call counts for at most in the average, in units of the median.
_LONGEST = 10.0

# Bytes of UTF-8 to a token. Of English it holds for WordPiece; Chinese has three bytes to a character.
_BYTES_PER_TOKEN = 4.5


class Shape(NamedTuple):
    """A batch: its texts, and the tokens of all of them together."""

    texts: int
    tokens: int


class Cost(NamedTuple):
    """Seconds that a call takes in half of all cases, in nine of ten, and on average: many calls in a row."""

    p50: float
    p90: float
    mean: float


class Line(NamedTuple):
    """Seconds of a call: `fixed`, and so many for every token."""

    fixed: float
    per_token: float


def estimated_tokens(text: str, limit: int) -> int:
    """Return about how many tokens a text has, at most `limit`, without a tokenizer: for the event loop."""
    start = text[: limit * 8]
    size = len(start) if start.isascii() else len(start.encode(errors="replace"))
    return min(limit, 2 + round(size / _BYTES_PER_TOKEN))


class CostModel:
    """Predicts the seconds of a model call. Pure: `clock` gives seconds, from any start."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._line = Line(0.0, 0.0)
        self._tokens = np.zeros(_SAMPLES)
        self._texts = np.zeros(_SAMPLES)
        self._seconds = np.zeros(_SAMPLES)
        self._times = np.zeros(_SAMPLES)
        self._count = 0
        self._costs: dict[tuple[int, int], Cost] = {}

    @property
    def line(self) -> Line:
        """The line as last fitted; zeros before the first call."""
        return self._line

    @property
    def usual_tokens(self) -> int:
        """The tokens of a usual call: the median of those remembered; 1 before the first call."""
        known = min(self._count, _SAMPLES)
        return int(np.median(self._tokens[:known])) if known else 1

    def observe(self, shape: Shape, seconds: float) -> None:
        """Learn from a call."""
        place = self._count % _SAMPLES
        self._tokens[place], self._texts[place] = max(1, shape.tokens), shape.texts
        self._seconds[place], self._times[place] = max(seconds, 1e-7), self._clock()
        self._count += 1
        if self._count < _REFRESH or self._count % _REFRESH == 0:
            self._line = self._fitted()
            self._costs.clear()

    def cost(self, shape: Shape) -> Cost:
        """Predict a call; nothing before the first one was observed, so that it is tried."""
        if not self._count:
            return Cost(0.0, 0.0, 0.0)
        key = (shape.texts, _octave_quarter(shape.tokens))
        ratios = self._costs.get(key)
        if ratios is None:
            ratios = self._costs[key] = self._ratios(*key)
        expected = self._line.fixed + self._line.per_token * max(1, shape.tokens)
        return Cost(expected * ratios.p50, expected * ratios.p90, expected * ratios.mean)

    def _ratios(self, texts: int, quarter: int) -> Cost:
        """Return what calls took in units of the line."""
        known = min(self._count, _SAMPLES)
        tokens = self._tokens[:known]
        expected = self._line.fixed + self._line.per_token * tokens
        alike = (self._texts[:known] == texts) & (_octave_quarters(tokens) == quarter)
        weights = self._weights() * np.where(alike, 1.0, _OTHER_SHAPE)
        ratios = self._seconds[:known] / expected
        p50, p90 = _quantiles(ratios, weights, (0.5, 0.9))
        # One call that was suspended for a second says nothing about the next.
        mean = np.average(np.minimum(ratios, _LONGEST * p50), weights=weights)
        return Cost(p50, p90, float(mean))

    def _weights(self) -> NDArray[np.float64]:
        known = min(self._count, _SAMPLES)
        ages = (self._clock() - self._times[:known]) / _HALF_LIFE
        calls = (self._count - 1 - np.arange(known)) % _SAMPLES / _HALF_LIFE_CALLS
        return np.asarray(0.5 ** (ages + calls), np.float64)

    def _fitted(self) -> Line:
        """Fit the line to relative errors: least squares, weighted anew until outliers hardly count."""
        known = min(self._count, _SAMPLES)
        tokens, seconds, ages = self._tokens[:known], self._seconds[:known], self._weights()
        weights = ages
        line = self._line
        if line == (0.0, 0.0):
            (rate,) = _quantiles(seconds / tokens, ages, (0.5,))
            line = Line(0.0, rate)
        for _ in range(4):
            expected = line.fixed + line.per_token * tokens
            (pace,) = _quantiles(seconds / expected, ages, (0.5,))
            line = Line(line.fixed * pace, line.per_token * pace)
            off = np.log(seconds / (expected * pace))
            weights = ages / (1 + (off / _OFF) ** 2)
            line = _least_squares(tokens, seconds, weights, line)
        return line


def _least_squares(
    tokens: NDArray[np.float64], seconds: NDArray[np.float64], weights: NDArray[np.float64], before: Line
) -> Line:
    """Return the line with the least squared relative errors; neither of its numbers is negative.

    The line `before` takes part as two calls, a short and a long one.
    """
    size = np.array([tokens.mean() / 4, tokens.mean() * 2])
    x = np.concatenate([tokens, size])
    y = np.concatenate([seconds, before.fixed + before.per_token * size])
    w = np.concatenate([weights, np.full(2, _INERTIA / 2)]) / y**2
    centre = np.average(x, weights=w)
    spread = np.average((x - centre) ** 2, weights=w)
    slope = np.average((x - centre) * y, weights=w) / spread if spread > 0 else 0.0
    if slope <= 0:
        return Line(float(np.average(y, weights=w)), 0.0)
    fixed = float(np.average(y, weights=w) - slope * centre)
    if fixed < 0:
        return Line(0.0, float(np.average(y / x, weights=w * x**2)))
    return Line(fixed, float(slope))


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], shares: tuple[float, ...]
) -> list[float]:
    """Return the smallest values that have these shares of the weight at or below them."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.array(shares) * reached[-1])
    return [float(values[order[min(place, len(values) - 1)]]) for place in places]


def _octave_quarter(tokens: int) -> int:
    return round(math.log2(max(1, tokens)) * _PER_OCTAVE)


def _octave_quarters(tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.rint(np.log2(tokens) * _PER_OCTAVE), np.float64)
