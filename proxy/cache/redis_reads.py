"""Reads that nobody waits for longer than a few milliseconds, and that nobody can disturb by going away.

A caller never holds a connection: it leaves its keys, and waits for an answer or for its time to be over.
Exchanges, a few at a time, take up what has been left. So

1. a caller that is cancelled, or out of time, changes nothing for any other: its answer is still read, and
   dropped;
2. what callers leave in one turn of the event loop, or while all exchanges are busy, travels together;
3. connections are bounded by the exchanges, and what waits is bounded in keys.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.cache.redis_client import Command
    from proxy.cache.redis_link import RedisLink

# At the same time: a server's reply and the next question are under way together; more than two are for a
# cluster, where one node may be slow.
_EXCHANGES = 4
# Keys of one exchange: to ask for them and to check their values takes the event loop a millisecond or two.
_KEYS_AT_ONCE = 512
# Keys that may wait for an exchange: more could not be had in time, so who asks for them is told at once.
_MAX_WAITING = 2048
# Seconds after which a reply is given up, and with it the connection; nobody has waited for it that long.
_LOST = 0.5
# A timer that comes later than this tells of a busy event loop, not of a slow server. Seconds.
_LATE = 0.002

Values = list[bytes | None]


class _Read:
    """One caller's keys; values, or None for no answer, are its future's result. `until` is a loop time."""

    __slots__ = ("answer", "excused", "keys", "timer", "until")

    def __init__(self, keys: Sequence[bytes], answer: asyncio.Future[Values | None]) -> None:
        self.keys = keys
        self.answer = answer
        self.until = 0.0
        self.excused = False
        self.timer: asyncio.TimerHandle | None = None

    def resolve(self, values: Values | None) -> None:
        if not self.answer.done():
            self.answer.set_result(values)


class RedisReads:
    """Reads values. Failed reads are counted by kind; the breaker hears of what works and what does not."""

    def __init__(self, link: RedisLink) -> None:
        """Take the connections.

        A caller waits for the settings' `timeout` at most; for half of it more, after however long the event
        loop has kept everybody waiting, if that has made its timer late.
        """
        self._client = link.client
        self._breaker = link.breaker
        self._errors = link.errors
        self._timeout = link.settings.timeout
        self._waiting: deque[_Read] = deque()
        self._keys_waiting = 0
        self._begins = False
        self._exchanges = Tasks()

    def admits(self, count: int) -> bool:
        """Say whether so many keys can be asked for now, and count it if there are too many before them."""
        if self._breaker.is_open:
            return False
        if self._waiting and self._keys_waiting + count > _MAX_WAITING:
            self._errors["full"] += 1
            return False
        return True

    async def get(self, keys: Sequence[bytes]) -> Values | None:
        """Return what stands under admitted keys; None if that can't be had, or not in time."""
        loop = asyncio.get_running_loop()
        read = _Read(keys, loop.create_future())
        self._waiting.append(read)
        self._keys_waiting += len(keys)
        if not self._begins:
            self._begins = True
            loop.call_soon(self._begin)
        self._set_timer(read, self._timeout)
        try:
            return await read.answer
        finally:
            if read.timer is not None:
                read.timer.cancel()

    async def close(self) -> None:
        """Give up what is under way. The breaker is open by now, so nothing new comes."""
        self._drain()
        await self._exchanges.close()

    def _set_timer(self, read: _Read, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        read.until = loop.time() + seconds
        read.timer = loop.call_at(read.until, self._out_of_time, read)

    def _out_of_time(self, read: _Read) -> None:
        """Let a caller go without an answer.

        When the event loop was busy, the answer is probably here and has only not been looked at: once, a
        caller stays for it, and the server is not blamed.
        """
        if read.answer.done():
            return
        is_late = asyncio.get_running_loop().time() - read.until > _LATE
        if is_late and not read.excused:
            read.excused = True
            self._set_timer(read, self._timeout / 2)
            return
        self._errors["timeout"] += 1
        read.resolve(None)
        if not is_late:
            self._breaker.failed()
        self._drain_if_open()

    def _begin(self) -> None:
        """Start as many exchanges as there is work and room for."""
        self._begins = False
        while len(self._exchanges) < _EXCHANGES and (reads := self._take()):
            self._exchanges.spawn(self._exchange(reads), "redis-read").add_done_callback(
                lambda _: self._begin()
            )

    def _take(self) -> list[_Read]:
        """Return the reads that have waited longest and are still waited for: up to so many keys, or one."""
        taken: list[_Read] = []
        keys = 0
        while self._waiting and (not taken or keys + len(self._waiting[0].keys) <= _KEYS_AT_ONCE):
            read = self._waiting.popleft()
            self._keys_waiting -= len(read.keys)
            if not read.answer.done():
                taken.append(read)
                keys += len(read.keys)
        return taken

    async def _exchange(self, reads: list[_Read]) -> None:
        try:
            await self._ask(reads)
        finally:
            for read in reads:
                read.resolve(None)  # those that a cancellation has left waiting

    async def _ask(self, reads: list[_Read]) -> None:
        commands: list[Command] = [("MGET", *read.keys) for read in reads]
        try:
            replies = await self._client.ask(commands, _LOST)
        except RedisFailed as failure:
            replies = [failure] * len(reads)
            self._breaker.trip()
        if any(not read.answer.done() for read in reads) and not isinstance(replies[0], RedisFailed):
            self._breaker.worked()
        for read, reply in zip(reads, replies, strict=True):
            self._answer(read, reply)
        self._drain_if_open()

    def _answer(self, read: _Read, reply: object) -> None:
        values = reply if isinstance(reply, list) and len(reply) == len(read.keys) else None
        if values is None and not read.answer.done():
            kind = reply.kind if isinstance(reply, RedisFailed) else "garbage"
            self._errors[kind] += 1
            if kind != "other":  # a slot of a cluster that is on its way, most likely: its server is well
                self._breaker.failed()
        read.resolve(values)

    def _drain_if_open(self) -> None:
        if self._breaker.is_open:
            self._drain()

    def _drain(self) -> None:
        """Let everyone go who still waits for an exchange."""
        while self._waiting:
            self._waiting.popleft().resolve(None)
        self._keys_waiting = 0
