"""How late the event loop runs: what a request waits for before it is read, and again before it is answered.

When a machine has more to do than it can, time passes where no code of ours runs. A budget that is counted
from the first line of a handler would be kept on paper only; so this is measured, and taken off it. Only
while somebody wants to know: fifty beats a second are a percent of a CPU, and an idle sidecar costs none.
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
# Beats after which it rests, unless somebody has asked since: a second.
_REST_AFTER = 50


class Pulse:
    """Measures one event loop."""

    def __init__(self, rest_after: int = _REST_AFTER) -> None:
        """Take the beats after which nobody is taken to want to know any more."""
        self._rest_after = rest_after
        self._lag = 0.0
        self._wanted = asyncio.Event()

    @property
    def lag(self) -> float:
        """How late the loop is, in seconds: the latest lag, or a larger, fading one; 0 after a rest."""
        self._wanted.set()
        return self._lag

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for _ in range(self._rest_after):
                before = perf_counter()
                await asyncio.sleep(_BEAT)
                self.beat(perf_counter() - before)
            if not self._wanted.is_set():
                self._lag = 0.0

    def beat(self, seconds: float) -> None:
        """Take in how long a beat really took."""
        late = seconds - _BEAT
        self._lag = max(
            late if late > _RESOLUTION else 0.0, self._lag * _KEPT if self._lag > _RESOLUTION else 0.0
        )
