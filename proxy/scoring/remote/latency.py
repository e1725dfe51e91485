"""How long the last calls of an API took, as quantiles."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Calls remembered.
_CALLS = 128
# Seconds without a call after which nothing is known any more: whoever is not asked could not get better.
_STALE = 10.0
# A call that was given up counts as that many times what it was given: it would have taken longer.
_GIVEN_UP = 2.0


class Latency:
    """The seconds of recent calls. `clock` gives seconds, from any start."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: deque[float] = deque(maxlen=_CALLS)
        self._last = 0.0

    def __len__(self) -> int:
        """Count the calls that are remembered."""
        self._forget_stale()
        return len(self._seconds)

    def took(self, seconds: float, *, given_up: bool = False) -> None:
        """Learn from a call that ended now."""
        self._forget_stale()
        self._last = self._clock()
        self._seconds.append(seconds * _GIVEN_UP if given_up else seconds)

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share of the calls ended; 0.0 while nothing is known."""
        count = len(self)
        return sorted(self._seconds)[min(int(share * count), count - 1)] if count else 0.0

    def _forget_stale(self) -> None:
        if self._clock() - self._last > _STALE:
            self._seconds.clear()
