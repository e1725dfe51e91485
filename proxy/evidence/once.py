"""What counts once within some time: evidence that shares an accident is not counted over and over."""

from __future__ import annotations


class Once:
    """Keys by when they counted last; the most recent ones, bounded in number."""

    def __init__(self, seconds: float, most: int) -> None:
        """Let a key count once within so many seconds, and remember so many keys."""
        self._seconds = seconds
        self._most = most
        self._until: dict[int, float] = {}

    def counts(self, key: int, now: float) -> bool:
        """Say whether a key counts now; if so, it does not again for a while."""
        if self._until.get(key, now) > now:
            return False
        self._until.pop(key, None)  # to be put last: the first is the oldest
        self._until[key] = now + self._seconds
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]
        return True
