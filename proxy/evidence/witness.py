"""One source's findings about a collection: their running mean, and which queries it has heard.

Values grow old, as collections and models change, and repetition may then be news. So a witness begins anew
at times. Each beginning gets a smaller part of the chance of error: 1 / 2, 1 / 6, 1 / 12, ... of it, which
add up to 1.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from proxy.stats.sequences import RunningMean

if TYPE_CHECKING:
    from collections.abc import Collection

# With so many values and the usual spread, bounds are some .02 wide: what is left is not worth an alarm.
LIMIT = 5_000
# Seconds after which a source that repeats itself is heard again, and after which any is.
WEEK, SEASON = 7 * 86_400.0, 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a source says: the mean of its values, surely from `low` to `high`."""

    mean: float
    low: float
    high: float
    count: int


class Witness:
    """A source, and what it has found since it last began anew."""

    def __init__(self, begun: float, number: int = 1) -> None:
        """Begin, at a time and as the `number`th, from 1 on."""
        self._mean = RunningMean()
        self._begun = begun
        self._number = number
        self._counted: set[int] = set()
        self._repeats = 0
        self._told: tuple[float, Estimate] | None = None

    @property
    def count(self) -> int:
        """How many values there were, each of another query."""
        return self._mean.count

    def next(self, now: float) -> Witness:
        """Return a new beginning."""
        return Witness(now, self._number + 1)

    def over(self, now: float) -> bool:
        """Say whether it should begin anew: full, a season old, or a week, and half of it was repetition."""
        age, count = now - self._begun, self._mean.count
        return count >= LIMIT or age >= SEASON or (age >= WEEK and self._repeats >= count > 0)

    def repeats(self, query: int) -> bool:
        """Say whether a query is among its values, by its number; it is noted that it came again."""
        again = query in self._counted
        self._repeats += again
        return again

    def add(self, value: float, query: int) -> None:
        """Take in a value, and the number of the query that it was found with."""
        self._mean.add(value)
        self._counted.add(query)

    def below(self, bar: float, error: float) -> bool:
        """Say whether the mean is surely below the bar; `error` is the chance for all beginnings."""
        return self._mean.below(bar, self._part(error))

    def above(self, bar: float, error: float) -> bool:
        """Say whether the mean is surely above the bar."""
        return self._mean.above(bar, self._part(error))

    def estimate(self, error: float) -> Estimate:
        """Return what it says by now; bounds take a while to find, so they are kept until the next value."""
        mean, part = self._mean, self._part(error)
        if self._told is None or self._told[0] != part or self._told[1].count != mean.count:
            self._told = part, Estimate(mean.mean, mean.lower(part), mean.upper(part), mean.count)
        return self._told[1]

    def _part(self, error: float) -> float:
        return error / (self._number * (self._number + 1))

    def to_state(self) -> dict[str, object]:
        """Return what `from_state` takes, of JSON's own types."""
        return {
            "mean": self._mean.to_state(),
            "begun": self._begun,
            "number": self._number,
            "counted": _packed(self._counted),
            "repeats": self._repeats,
        }

    @classmethod
    def from_state(cls, state: object) -> Witness:
        """Return the one that said this of itself.

        Raises:
            ValueError: none did.
        """
        kept = _KEPT.validate_python(state)
        restored = cls(kept.begun, kept.number)
        restored._mean = RunningMean.from_state(kept.mean)
        restored._counted, restored._repeats = _unpacked(kept.counted), kept.repeats
        return restored


@dataclass(frozen=True, slots=True)
class _Kept:
    """A witness as JSON has it: `mean` is RunningMean's own, `counted` are 8 bytes a query in base64."""

    mean: dict[str, object]
    begun: float
    number: Annotated[int, Field(ge=1)]
    counted: str
    repeats: Annotated[int, Field(ge=0)]


# What it finds wrong is a ValueError.
_KEPT = TypeAdapter(_Kept)


def _packed(numbers: Collection[int]) -> str:
    """Return numbers as text: thousands take a tenth of a millisecond, as digits they would take several."""
    return base64.b64encode(np.fromiter(numbers, "<u8", len(numbers)).tobytes()).decode()


def _unpacked(text: str) -> set[int]:
    return set(np.frombuffer(base64.b64decode(text, validate=True), "<u8").tolist())
