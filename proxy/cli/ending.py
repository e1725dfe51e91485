"""How a process that serves ends, within a time that is known before.

    at once            not ready any more; every answer ends its connection, so that clients go elsewhere
    after the delay    nothing new is taken
    after the drain    what is still under way is cut off
    then               evidence and records are written, spans and metrics flushed: two seconds at most

Nothing of this waits for a store, a model, Redis or a collector. Threads may hang in a system call, as on a
file system that is gone, and Python would wait for them for ever; so `LAST_RESORT` seconds after the drain
the process ends whatever it does. Only an event loop that hangs itself does not see that it is to end: that
is what a liveness probe is for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any

from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.app import App

# Seconds after the drain within which everything has ended, or is not waited for.
LAST_RESORT = 4.0

_log = logging.getLogger(__name__)


class Ending:
    """When the end is wanted, and how it comes."""

    def __init__(self, *, delay: float, patience: float) -> None:
        """Take how many seconds to go on, and then to wait for what is under way."""
        self._delay = delay
        self._patience = patience
        self._wanted = asyncio.Event()
        self._at_once = asyncio.Event()
        self._tasks = Tasks()
        self._last_resort: threading.Timer | None = None

    def ask(self) -> None:
        """Want the end; asked again, at once."""
        if self._wanted.is_set():
            self._at_once.set()
            self._end_within(LAST_RESORT)
        else:
            self._end_within(self._delay + self._patience + LAST_RESORT)
            self.begin()

    def begin(self) -> None:
        """Want the end."""
        self._wanted.set()

    async def begun(self) -> None:
        """Wait until the end is wanted."""
        await self._wanted.wait()

    async def end(self, app: App, flush: Callable[[], None]) -> None:
        """Drain an app and close it; `flush` blocks for a time that is known."""
        begun = perf_counter()
        _log.info("draining", extra={"delay": self._delay, "seconds": self._patience})
        app.drain()
        await self._first(self._tasks.spawn(asyncio.sleep(self._delay), "drain delay"))
        stopping = self._tasks.spawn(app.stop(self._patience), "drain")
        await self._first(stopping)
        cut_off = await app.stop(0) if self._at_once.is_set() else 0
        cut_off += await stopping
        _log.info("drained", extra={"took": round(perf_counter() - begun, 3), "cut_off": cut_off})
        # While the app is there, since it is asked for its figures.
        flushing = self._tasks.spawn(asyncio.to_thread(flush), "flush telemetry")
        await app.close()
        await flushing
        await self._tasks.close()
        _log.info("stopped", extra={"took": round(perf_counter() - begun, 3)})

    def over(self) -> None:
        """Have nothing of it come later: all has ended, or the process goes on with something else."""
        if self._last_resort is not None:
            self._last_resort.cancel()

    def _end_within(self, seconds: float) -> None:
        """See to it that the process has ended after so many seconds, whatever its threads do."""
        self.over()
        self._last_resort = threading.Timer(seconds, _give_up)
        self._last_resort.daemon = True
        self._last_resort.start()

    async def _first(self, work: asyncio.Task[Any]) -> None:
        """Wait for some work, or until the end is to come at once."""
        asked = self._tasks.spawn(self._at_once.wait(), "asked again")
        await asyncio.wait([work, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()


def _give_up() -> None:
    _log.warning("something hangs; the process ends without it")
    logging.shutdown()
    os._exit(0)
