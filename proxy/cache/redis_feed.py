"""Messages to other replicas, through a Redis Stream that is read once in a while.

The stream belongs to a generation and is bounded; a replica that starts reads all that is left in it. When a
connection breaks, reading goes on where it was; when the stream was lost, it starts again, so that a message
may be heard twice. Each is heard at most `sync_seconds` after it stood in the stream, while the server can be
reached.

Messages are people's words, so they go: one by one `feed_seconds` after they came, as long as some replica
runs; the whole stream `feed_seconds` after the last one, or when everything is cleared.
"""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.cache.redis_loop import repeat
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
_FIELD = b"m"
_START = b"0-0"
# What Redis says is left to a key that does not end.
_NEVER = -1
_NUMBER = re.compile(rb"\d{1,20}-\d{1,20}")


class RedisFeed:
    """A feed; its own messages are not heard again. What hears must not raise."""

    def __init__(self, link: RedisLink, generation: RedisGeneration, writes: RedisWrites, seal: Seal) -> None:
        """Share all that with a cache."""
        self._client = link.client
        self._breaker = link.breaker
        self._errors = link.errors
        self._settings = link.settings
        self._kept = math.ceil(link.settings.feed_seconds)
        self._generation = generation
        generation.when_changed(self._end)
        self._writes = writes
        self._seal = seal
        self._sender = secrets.token_bytes(8)
        self._hear: Callable[[bytes], None] | None = None
        self._stream = b""
        self._last = _START
        self._ended: list[bytes] = []
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
        self._writes.add(("EXPIRE", stream, self._kept))

    def start(self) -> None:
        """Begin to read, if anyone hears."""
        self._tasks.spawn(repeat(self._turn, self._errors), "redis-feed")

    async def close(self) -> None:
        """Stop reading."""
        await self._tasks.close()

    def _name(self) -> bytes | None:
        token = self._generation.token
        return None if token is None else b"%b:%b:near" % (self._settings.prefix.encode(), token)

    def _end(self) -> None:
        """Have the stream of a generation that is over deleted, once the server is there."""
        if (stream := self._name()) is not None:
            self._ended.append(stream)

    async def _turn(self) -> None:
        await self._breaker.closed.wait()
        while self._ended:
            # Behind what has been published to it.
            self._writes.add(("UNLINK", self._ended.pop()))
        more = False
        if self._hear is not None:
            try:
                more = await self._read(self._hear)
            except RedisFailed as failure:
                self._errors[failure.kind] += 1
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
        new, newest, left = await self._client.ask(
            [
                ("XRANGE", stream, b"(" + self._last, "+", "COUNT", _AT_ONCE),
                ("XREVRANGE", stream, "+", "-", "COUNT", 1),
                ("PTTL", stream),
            ],
            _TIMEOUT,
        )
        new, newest = _entries(new), _entries(newest)
        self._trim(stream, left)
        for number, sealed in new:
            self._last = number
            self._tell(hear, stream, sealed)
        # A stream that ends before the last message is another one.
        if self._last != _START and (not newest or _order(newest[0][0]) < _order(self._last)):
            self._last = _START
            return bool(newest)
        return len(new) == _AT_ONCE

    def _trim(self, stream: bytes, left: object) -> None:
        """Drop what is too old, given the milliseconds that the stream is left; by the server's clock.

        These were set to `feed_seconds` with the last message, and so no earlier than the last message heard
        came. Its number is the time at which that was. This less what is left is the time now less
        `feed_seconds`, or earlier, if messages have come since.
        """
        if not isinstance(left, int):
            raise left if isinstance(left, RedisFailed) else RedisFailed("garbage")
        if left == _NEVER:
            self._writes.add(("EXPIRE", stream, self._kept))  # the one that came with a message was lost
        elif self._last != _START and (before := _order(self._last)[0] - left) > 0:
            self._writes.add(("XTRIM", stream, "MINID", before))

    def _tell(self, hear: Callable[[bytes], None], stream: bytes, sealed: object) -> None:
        message = self._seal.open(stream, sealed) if isinstance(sealed, bytes) else None
        if message is None:
            self._errors["garbage"] += 1
        elif not message.startswith(self._sender):
            hear(message[len(self._sender) :])


def _entries(reply: object) -> list[tuple[bytes, object]]:
    """Return the numbers and the messages of a reply.

    Raises:
        RedisFailed: it is none that a stream gives.
    """
    if isinstance(reply, RedisFailed):
        raise reply
    entries: list[tuple[bytes, object]] = []
    for entry in reply if isinstance(reply, list) else [None]:
        match entry:
            case [bytes(number), [name, message, *_]] if _NUMBER.fullmatch(number) and name == _FIELD:
                entries.append((number, message))
            case [bytes(number), list()] if _NUMBER.fullmatch(number):
                entries.append((number, None))  # nobody's message: it is passed over
            case _:
                raise RedisFailed("garbage")
    return entries


def _order(number: bytes) -> tuple[int, int]:
    """Return what the numbers of a stream are ordered by: milliseconds, and a count in each of them."""
    milliseconds, _, count = number.partition(b"-")
    return int(milliseconds), int(count)
