"""How long many things took, as quantiles, in the memory of some hundred counters."""

from __future__ import annotations

import math

# From 10 microseconds on, 20 buckets for every power of ten: each ends 12 % above its start.
_SHORTEST = 1e-5
_PER_DECADE = 20
_DECADES = 8
_LAST = _PER_DECADE * _DECADES + 1


class Durations:
    """Counts of durations in buckets of growing width, never forgotten; in seconds."""

    def __init__(self) -> None:
        """Start without any."""
        self.count = 0
        self._counts = [0] * (_LAST + 1)
        self._least, self._most = math.inf, 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; a negative one counts as 0, and what is no number not at all."""
        if not math.isfinite(seconds):
            return
        seconds = max(0.0, seconds)
        place = 0
        if seconds > _SHORTEST:
            place = min(_LAST, 1 + int(math.log10(seconds / _SHORTEST) * _PER_DECADE))
        self._counts[place] += 1
        self.count += 1
        self._least, self._most = min(self._least, seconds), max(self._most, seconds)

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share was done, to some per cent; 0 of none."""
        wanted = share * self.count
        seen = 0
        for place, count in enumerate(self._counts):
            if count and seen + count >= wanted:
                # Inside a bucket durations are taken to be spread evenly, on the scale of the buckets.
                steps = place - 1 + (wanted - seen) / count
                estimate = _SHORTEST * math.pow(10, steps / _PER_DECADE)
                return min(self._most, max(self._least, estimate))
            seen += count
        return 0.0
