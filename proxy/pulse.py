"""How late the event loop runs: what a request waits for before it is read, and again before it is answered.

When a machine has more to do than it can, time passes where no code of ours runs. A budget that is counted
from the first line of a handler would be kept on paper only; so this is measured, and taken off it.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

# Seconds between two measurements.
_BEAT = 0.02
# What of a lag is remembered at the next beat: half of it after a tenth of a second.
_KEPT = 0.87
# The loop's clock counts milliseconds: less than this is no lag.
_RESOLUTION = 0.0015


class Pulse:
    """Measures one event loop. `lag` is in seconds: the latest, or a larger one that is fading."""

    def __init__(self) -> None:
        self.lag = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            before = perf_counter()
            await asyncio.sleep(_BEAT)
            self.beat(perf_counter() - before)

    def beat(self, seconds: float) -> None:
        """Take in how long a beat really took."""
        late = seconds - _BEAT
        self.lag = max(
            late if late > _RESOLUTION else 0.0, self.lag * _KEPT if self.lag > _RESOLUTION else 0.0
        )
