"""A clock that stands still until it is moved."""

from __future__ import annotations


class Clock:
    """Seconds; set `now` to move it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
