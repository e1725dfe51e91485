"""How a report writes numbers, days and names."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from proxy.evaluation.wording import chance, duration, excerpt, interval, percentiles, points, share

if TYPE_CHECKING:
    from datetime import datetime

__all__ = (
    "chance",
    "counted",
    "day",
    "duration",
    "interval",
    "joined",
    "name",
    "percentiles",
    "period",
    "points",
    "share",
)

_LONGEST_NAME = 60


def day(time: datetime) -> str:
    """Write a day as people say it: Tuesday 24 November."""
    return f"{time:%A} {time.day} {time:%B}"


def days(since: datetime, until: datetime) -> str:
    """Write a period; what ends at midnight ends on the day before."""
    last = until - timedelta(microseconds=1)
    return f"{day(since)} to {day(last)} {last.year}"


def period(days: float) -> str:
    """Write how long a period is: 7 days, day."""
    return "day" if days == 1 else f"{days:.3g} days"


def name(text: str) -> str:
    """Write a name in backticks, as it could come from anyone."""
    return f"`{excerpt(text, _LONGEST_NAME).replace('`', chr(39)) or '(no name)'}`"


def counted(number: float, what: str) -> str:
    """Write how many there are of what: 1 search, 12,345 searches."""
    plural = (
        f"{what[:-1]}ies"
        if what.endswith("ry")
        else f"{what}es"
        if what.endswith(("s", "ch"))
        else f"{what}s"
    )
    return f"{number:,.0f} {what if number == 1 else plural}"


def joined(parts: list[str]) -> str:
    """Write a list as people say it: a, b and c."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
