"""For how long a server wants to be left alone, in whichever of the usual headers it says so."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nobody is left alone for longer than this: a header may be wrong, or worse.
LONGEST = 300.0
# What is more than that are no seconds from now, but since 1970.
_EPOCH = 1e9


def seconds_to_wait(headers: Mapping[str, str], now: datetime, *, limited: bool = True) -> float | None:
    """Return the seconds until the server wants to be asked again, 0 to `LONGEST`; None if it does not say.

    Understood are `retry-after-ms`, `Retry-After` (seconds, or a date: RFC 9110, 10.2.3), and
    `X-RateLimit-Reset` (seconds from now, or since 1970), in this order. The last one is on every answer of
    some servers, and means that they are to be left alone only where the call was `limited`, by a 429.
    """
    found = (
        _number(headers.get("retry-after-ms"), 1e-3),
        _number(headers.get("Retry-After")),
        _until(headers.get("Retry-After"), now),
        _reset(headers.get("X-RateLimit-Reset"), now) if limited else None,
    )
    seconds = next((one for one in found if one is not None), None)
    return None if seconds is None else min(max(0.0, seconds), LONGEST)


def _number(value: str | None, unit: float = 1.0) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number * unit if math.isfinite(number) else None


def _until(date: str | None, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    # A date without a zone is one of UTC, which is all that HTTP has.
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()


def _reset(value: str | None, now: datetime) -> float | None:
    number = _number(value)
    return number - now.timestamp() if number is not None and number > _EPOCH else number
