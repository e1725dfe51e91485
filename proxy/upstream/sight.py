"""What is known of a store without asking it: when it answered last, and what went wrong last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Sight:
    """Takes note of what requests come upon. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered: float | None = None
        self._failed: float | None = None
        self._error: str | None = None

    def answered(self) -> None:
        """Note that it has answered, whatever it said."""
        self._answered = self._clock()

    def failed(self, error: str) -> None:
        """Note that it gave no answer; `error` is a word of the table in `proxy.errors`."""
        self._failed, self._error = self._clock(), error

    def told(self) -> dict[str, object]:
        """Return the seconds since both, and whether it was there the last time; None where nobody asked."""
        now = self._clock()
        asked = self._answered is not None or self._failed is not None
        return {
            "reachable": (self._answered or -1.0) >= (self._failed or -1.0) if asked else None,
            "answered_s_ago": None if self._answered is None else round(now - self._answered, 1),
            "error": self._error,
            "error_s_ago": None if self._failed is None else round(now - self._failed, 1),
        }
