"""Background tasks that are named, referenced until done, and never lose an exception."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
# Seconds that a cancelled task is waited for: somebody else's code may swallow its cancellation.
CLOSE_TIMEOUT = 1.0

_log = logging.getLogger(__name__)


class Tasks:
    """A set of running tasks that are cancelled together when their owner closes."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Count the tasks that still run."""
        return len(self._running)

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task under a name; the event loop alone would only keep a weak reference to it."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended, or until it is clear that it will not."""
        if not self._running:
            return
        for task in self._running:
            task.cancel()
        _, stuck = await asyncio.wait(self._running, timeout=CLOSE_TIMEOUT)
        for task in stuck:
            _log.warning("task ignores its cancellation", extra={"task": task.get_name()})

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task failed", extra={"task": task.get_name()}, exc_info=error)
