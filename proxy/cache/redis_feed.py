"""Messages to other replicas, through a Redis Stream that is read once in a while.

The stream belongs to a generation and is bounded; a replica that starts reads all that is left in it. When a
connection breaks, reading goes on where it was; when the stream was lost, it starts again, so that a message
may be heard twice. Each is heard at most `sync_seconds` after it stood in the stream, while the server can be
reached.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cache.redis_generation import RedisGeneration
    from proxy.cache.redis_link import RedisLink
    from proxy.cache.redis_writes import RedisWrites
    from proxy.cache.sealed import Seal

# Messages that are read at once: of two kilobytes each, a few milliseconds of the event loop.
_AT_ONCE = 100
_TIMEOUT = 1.0
# Seconds that a stream is kept after the last message: those of generations that are over go by this.
_KEPT = 86_400
_FIELD = b"m"
_START = b"0-0"


class RedisFeed:
    """A feed; its own messages are not heard again. What hears must not raise."""

    def __init__(self, link: RedisLink, generation: RedisGeneration, writes: RedisWrites, seal: Seal) -> None:
        """Share all that with a cache."""
        self._client = link.client
        self._breaker = link.breaker
        self._errors = link.errors
        self._settings = link.settings
        self._generation = generation
        self._writes = writes
        self._seal = seal
        self._sender = secrets.token_bytes(8)
        self._hear: Callable[[bytes], None] | None = None
        self._stream = b""
        self._last = _START
        self._tasks = Tasks()

    def subscribe(self, hear: Callable[[bytes], None]) -> None:
        """Have the messages of others told, from those that are left of before."""
        self._hear = hear

    def publish(self, message: bytes) -> None:
        """Tell the others; before the generation is known, nobody is told."""
        stream = self._name()
        if stream is None or self._breaker.is_open:
            self._writes.dropped += 1
            return
        sealed = self._seal.seal(stream, self._sender + message)
        self._writes.add(("XADD", stream, "MAXLEN", "~", self._settings.feed_length, "*", _FIELD, sealed))
        self._writes.add(("EXPIRE", stream, _KEPT))

    def start(self) -> None:
        """Begin to read, if anyone hears."""
        if self._hear is not None:
            self._tasks.spawn(self._run(self._hear), "redis-feed")

    async def close(self) -> None:
        """Stop reading."""
        await self._tasks.close()

    def _name(self) -> bytes | None:
        token = self._generation.token
        return None if token is None else b"%b:%b:near" % (self._settings.prefix.encode(), token)

    async def _run(self, hear: Callable[[bytes], None]) -> None:
        while True:
            await self._breaker.closed.wait()
            try:
                more = await self._read(hear)
            except RedisFailed as failure:
                self._errors[failure.kind] += 1
                more = False
            if not more:
                await asyncio.sleep(self._settings.sync_seconds)

    async def _read(self, hear: Callable[[bytes], None]) -> bool:
        """Tell what is new, up to so many messages; return whether there is probably more.

        Raises:
            RedisFailed: it can't be read.
        """
        stream = self._name()
        if stream is None:
            return False
        if stream != self._stream:
            self._stream, self._last = stream, _START
        new, newest = await self._client.ask(
            [
                ("XRANGE", stream, b"(" + self._last, "+", "COUNT", _AT_ONCE),
                ("XREVRANGE", stream, "+", "-", "COUNT", 1),
            ],
            _TIMEOUT,
        )
        for reply in (new, newest):
            if isinstance(reply, RedisFailed):
                raise reply
        for number, fields in new:
            self._last = number
            self._tell(hear, stream, fields.get(_FIELD, b""))
        # A stream that ends before the last message is another one.
        if self._last != _START and (not newest or _order(newest[0][0]) < _order(self._last)):
            self._last = _START
            return bool(newest)
        return len(new) == _AT_ONCE

    def _tell(self, hear: Callable[[bytes], None], stream: bytes, sealed: bytes) -> None:
        message = self._seal.open(stream, sealed)
        if message is None:
            self._errors["garbage"] += 1
        elif not message.startswith(self._sender):
            hear(message[len(self._sender) :])


def _order(number: bytes) -> tuple[int, int]:
    """Return what the numbers of a stream are ordered by: milliseconds, and a count in each of them."""
    milliseconds, _, count = number.partition(b"-")
    return int(milliseconds), int(count)
