"""Writes that nobody waits for: a queue that is bounded in bytes, and the one task that empties it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.cache.redis_loop import repeat
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from proxy.cache.redis_client import Command
    from proxy.cache.redis_link import RedisLink

# Commands of one exchange: half a millisecond of the event loop, so that readers get their turn in between.
_AT_ONCE = 64
# Seconds for an exchange; a server that is slower than that is left alone for a while.
_TIMEOUT = 1.0
# What a waiting command takes besides the bytes of its arguments: a tuple, and the heads of a few objects.
_OVERHEAD = 300


class RedisWrites:
    """Sends commands in their order, as far as there is room. Those that fail are lost, and counted."""

    def __init__(self, link: RedisLink) -> None:
        """Take the connections; the settings bound what waits."""
        self._client = link.client
        self._breaker = link.breaker
        self._errors = link.errors
        self._max_waiting_bytes = link.settings.max_waiting_bytes
        self._waiting: deque[tuple[Command, int]] = deque()
        self._any = asyncio.Event()
        self._tasks = Tasks()
        self.waiting_bytes = 0
        self.dropped = 0

    def start(self) -> None:
        """Begin to send."""
        self._tasks.spawn(repeat(self._turn, self._errors), "redis-write")

    def add(self, command: Command) -> None:
        """Send a command, soon; without room for it, drop it."""
        size = _OVERHEAD + sum(len(one) for one in command if isinstance(one, bytes))
        if self.waiting_bytes + size > self._max_waiting_bytes:
            self.dropped += 1
            return
        self._waiting.append((command, size))
        self.waiting_bytes += size
        self._any.set()

    async def close(self) -> None:
        """Stop; what waits is lost."""
        await self._tasks.close()
        self._drop()

    async def _turn(self) -> None:
        await self._any.wait()
        if self._breaker.is_open:
            # What was found out during an outage is not worth a server's first moments after it.
            self._drop()
        if commands := self._take():
            await self._send(commands)
        else:
            self._any.clear()

    def _drop(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self.waiting_bytes = 0

    def _take(self) -> list[Command]:
        taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        self.waiting_bytes -= sum(size for _, size in taken)
        return [command for command, _ in taken]

    async def _send(self, commands: list[Command]) -> None:
        try:
            replies = await self._client.ask(commands, _TIMEOUT)
        except RedisFailed as failure:
            replies = [failure] * len(commands)
            # At once, and not after a few: reads may go on working on a server that is no longer the master,
            # and close what this would have opened.
            self._breaker.trip()
        kinds = [reply.kind for reply in replies if isinstance(reply, RedisFailed)]
        self._errors.update(kinds)
        self.dropped += len(kinds)
