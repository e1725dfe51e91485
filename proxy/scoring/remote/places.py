"""How many calls may be under way at once: so many that are in time, and as many that are late."""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Places:
    """A place for each call, until its end or its deadline, whichever is sooner.

    A call that goes on after its deadline keeps nobody waiting. But there may be no more of them than places:
    the one that is late for the longest is given up for the next.
    """

    def __init__(self, count: int) -> None:
        """Take how many there are, at least one."""
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._late: dict[asyncio.Task[object], None] = {}  # in the order in which they became late
        self.waiting = 0

    @property
    def taken(self) -> bool:
        """Whether the next one has to wait."""
        return self._free.locked()

    async def taken_before(self, deadline: float) -> bool:
        """Wait for a place, and say whether it was there before `deadline`, an event-loop time."""
        self.waiting += 1
        try:
            async with asyncio.timeout_at(deadline if deadline < math.inf else None):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1

    @contextmanager
    def held(self, deadline: float) -> Iterator[None]:
        """Hold the place that this task has taken; after `deadline` the task may be cancelled."""
        task = asyncio.current_task()
        assert task is not None, "calls are tasks"
        free = True

        def is_late() -> None:
            nonlocal free
            free = False
            self._free.release()
            self._late[task] = None
            if len(self._late) > self._count:
                longest = next(iter(self._late))
                del self._late[longest]
                longest.cancel()

        timer = asyncio.get_running_loop().call_at(deadline, is_late) if deadline < math.inf else None
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            self._late.pop(task, None)
            if free:
                self._free.release()
