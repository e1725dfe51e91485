"""How many texts go into one call of a model whose memory may run out."""

from __future__ import annotations

# Calls that must go well before more is tried, after memory ran out for the first time, and at most. A try
# that fails costs the time of a call, so one in some hundred is the price of finding out that there is room
# again.
_PATIENCE = 64
_MOST_PATIENCE = 65536


class BatchSize:
    """Halves when memory runs out, and doubles again once many calls went well: each time twice as many.

    It is asked on the event loop and told in the model's thread; both see a whole number, old or new.
    """

    def __init__(self, most: int) -> None:
        """Begin with `most`, which is never exceeded."""
        self._most = most
        self._patience = _PATIENCE // 2
        self._went_well = 0
        self.now = most

    def shrink(self, texts: int) -> None:
        """Note that so many texts did not fit."""
        self.now = max(1, min(self.now, texts) // 2)
        self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._went_well = 0

    def went_well(self, texts: int) -> None:
        """Note that so many texts did; fewer than were allowed prove nothing."""
        if texts < self.now or self.now == self._most:
            return
        self._went_well += 1
        if self._went_well >= self._patience:
            self.now = min(self._most, 2 * self.now)
            self._went_well = 0
