"""Whether a server is worth waiting for: nobody waits for one that has failed a few times in a row."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Failures in a row that open it.
_FAILURES = 3
# Seconds within which failures count as one: a hiccup fails everything that waits just then.
_TOGETHER = 0.005
# Seconds between an opening and the first probe; the longest between two probes of a server that is there but
# late, and of one that is not there, or that works for probes alone.
_FIRST, _LATE, _LONGEST = 0.05, 1.0, 30.0


class Breaker:
    """Closed, it counts failures; open, it only waits for a probe to close it. It lives on the event loop.

    It starts open: nothing is known of the server yet. When it has been opened by failures and closed by a
    probe, it is on probation: one failure opens it again, until something has worked. Pauses grow until then,
    or until it was closed for longer than any of them.
    """

    def __init__(self, *, clock: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        """Take a clock in seconds, and what returns a number of [0, 1)."""
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._last_failure = -_TOGETHER
        self._pause = _FIRST
        self._closed_at = 0.0
        self.closed = asyncio.Event()
        self.opened = asyncio.Event()
        self.opened.set()
        self.openings = 0

    @property
    def is_open(self) -> bool:
        """Whether nobody should wait."""
        return self.opened.is_set()

    def worked(self) -> None:
        """Take in that the server has answered, and in time."""
        if not self.is_open:
            self._failures = 0
            self._pause = _FIRST

    def failed(self) -> None:
        """Take in that the server was late, or gave an error in place of an answer."""
        now = self._clock()
        if self.is_open or now - self._last_failure < _TOGETHER:
            return
        self._last_failure = now
        self._failures += 1
        if self._failures >= _FAILURES:
            self.trip()

    def trip(self) -> None:
        """Open at once: the server is certainly gone, for now."""
        if not self.is_open:
            self.openings += 1
            if self._clock() - self._closed_at > _LONGEST:
                self._pause = _FIRST
            self.closed.clear()
            self.opened.set()

    def close(self) -> None:
        """Take in that a probe has worked."""
        self._failures = _FAILURES - 1 if self.openings else 0
        self._closed_at = self._clock()
        self.opened.clear()
        self.closed.set()

    def next_pause(self, *, late: bool = False) -> float:
        """Return the seconds until the next probe: half of a growing span, and up to the whole of it.

        `late`: the last probe has found the server, and not in time.
        """
        span = min(self._pause, _LATE) if late else self._pause
        self._pause = min(2 * span, _LONGEST)
        return span * (1 + self._chance()) / 2
