"""How numbers are written for people: measures, times, shares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The least that a measure is written as, and what is left of 0 by adding up floats.
_LEAST, _NOISE = 0.001, 1e-9


def points(value: float, *, signed: bool = False) -> str:
    """Write a measure as people in the field do, .645; or, with its sign, a difference of two: +.059."""
    digits = f"{abs(value):.3f}".removeprefix("0")
    negative = value < 0 and digits != ".000"
    return f"{'-' if negative else '+' if signed else ''}{digits}"


def interval(low: float, high: float) -> str:
    """Write both ends of an interval of differences; one that is not 0 does not look as if it were."""
    return f"{_end(low)} to {_end(high)}"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it: 1.8 ms, 17 ms, 2.3 s."""
    return f"{seconds:.1f} s" if abs(seconds) >= 0.9995 else f"{_milliseconds(seconds)} ms"


def percentiles(times: Iterable[float]) -> str:
    """Write some seconds in milliseconds, without the unit: 4.6 / 12 / 57."""
    return " / ".join(map(_milliseconds, times))


def share(value: float) -> str:
    """Write a share from 0 to 1; as 0 % only where it is nothing, and as 100 % only where it is all."""
    percent = value * 100
    if value in (0, 1):
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "< 0.1 %"
    if percent > 99.9:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent < 9.95 or percent > 99 else f"{percent:.0f} %"


def chance(value: float) -> str:
    """Write a p-value."""
    return "< .001" if value < 0.001 else points(value)


def excerpt(text: str, most: int) -> str:
    """Return a text in one line of `most` characters or fewer, cut between words where it can be.

    What would not print, or would turn the direction of what follows, is left out.
    """
    line = " ".join(
        "".join(one if one.isprintable() or one.isspace() else "" for one in text[: 4 * most]).split()
    )
    read_whole = len(text) <= 4 * most
    if len(line) <= (most if read_whole else most - 1):
        return line if read_whole else f"{line}…"
    cut = line[: most - 1]
    at = cut.rfind(" ")
    return f"{(cut[:at] if at > most / 2 else cut).rstrip()}…"


def _end(value: float) -> str:
    # Whether an interval holds 0 is what it is read for.
    visible = math.copysign(max(abs(value), _LEAST), value) if abs(value) > _NOISE else 0.0
    return points(visible, signed=True)


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.1f}" if abs(value) < 9.95 else f"{value:,.0f}"
