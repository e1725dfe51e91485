"""The generation, a token in every key so that all can be forgotten at once; the look-out for the server.

A key of Redis, `PREFIX:generation`, says which one holds. To clear is to set another: what stands under the
old one is never asked for again, and expires. Everyone looks once in a while whether it has changed, which at
the same time tells whether the server is there; when it has been lost, this is what finds it again.

A server that has lost its data is given the generation that was known: what is in memory is still right.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.cache.redis_client import Command
    from proxy.cache.redis_link import RedisLink

# Seconds for a look, which nobody waits for.
_TIMEOUT = 1.0
# Of so many answers of a server that was lost the quickest must be in time: a single one may only have met a
# busy event loop.
_TRIES = 3
# Connections to have ready for readers, each of which would have to wait for its own otherwise.
_READY = 4

_log = logging.getLogger(__name__)


class RedisGeneration:
    """Knows the token, and opens and closes the breaker."""

    def __init__(self, link: RedisLink) -> None:
        """Know nothing yet."""
        self._client = link.client
        self._breaker = link.breaker
        self._errors = link.errors
        self._timeout = link.settings.timeout
        self._sync_seconds = link.settings.sync_seconds
        self._key = f"{link.settings.prefix}:generation".encode()
        self._value: bytes | None = None  # what stands under the key
        self._wanted: bytes | None = None  # what is to stand there, until it does
        self._tell: list[Callable[[], None]] = []
        self._looking = asyncio.Lock()
        self._tasks = Tasks()
        self._in_use: bool | None = None
        self.token: bytes | None = None

    def when_changed(self, tell: Callable[[], None]) -> None:
        """Have it told when everything is to be forgotten, whoever says so."""
        self._tell.append(tell)

    def start(self) -> None:
        """Begin to look, in the background."""
        self._tasks.spawn(self._run(), "redis-generation")

    async def clear(self) -> bool:
        """Begin another generation; False if the server is not there: it is told as soon as it is found."""
        self._wanted = self._value = secrets.token_hex(8).encode()
        self.token = None
        self._changed()
        with contextlib.suppress(RedisFailed):
            await self._look()
        return self._wanted is None

    async def close(self) -> None:
        """Stop looking."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await (self._probe() if self._breaker.is_open else self._look())
            except RedisFailed as failure:
                self._errors[failure.kind] += 1
                self._breaker.trip()
            self._say()
            await self._rest()

    async def _rest(self) -> None:
        """Wait for the next look, or for the server to be lost and a while after that."""
        if not self._breaker.is_open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sync_seconds):
                    await self._breaker.opened.wait()
            self._say()
        if self._breaker.is_open:
            await asyncio.sleep(self._breaker.next_pause())

    async def _probe(self) -> None:
        """Look for a server that was lost; close the breaker if it answers, and in time.

        Raises:
            RedisFailed: it does not.
        """
        await self._client.renew()
        await self._look()
        await asyncio.gather(*(self._time() for _ in range(_READY)))
        if min([await self._time() for _ in range(_TRIES)]) > self._timeout:
            raise RedisFailed("timeout")
        self._breaker.close()

    async def _time(self) -> float:
        """Return how long an answer takes, in seconds.

        Raises:
            RedisFailed: there is none.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await self._client.ask([("GET", self._key)], _TIMEOUT)
        return loop.time() - asked

    async def _look(self) -> None:
        """Learn the generation, after having set it if it is for us to do so.

        Raises:
            RedisFailed: it can't be learned, or not set.
        """
        async with self._looking:
            wanted = self._wanted
            offered = self._value or secrets.token_hex(8).encode()
            put: Command = ("SET", self._key, offered) if wanted else ("SET", self._key, offered, "NX")
            done, value = await self._client.ask([put, ("GET", self._key)], _TIMEOUT)
            if self._wanted is not wanted:
                return  # cleared meanwhile: that look is the next
            # A server that is full can't take a generation, but it may well have one.
            if isinstance(done, RedisFailed) and (wanted or value is None):
                raise done
            if isinstance(value, RedisFailed):
                raise value
            if not isinstance(value, bytes):
                raise RedisFailed("garbage")
            self._wanted = None
            self._learn(value)

    def _learn(self, value: bytes) -> None:
        if self._value not in (None, value):
            self._changed()
        self._value = value
        # A digest, so that whatever stands there makes a key.
        self.token = blake2b(value, digest_size=8).hexdigest().encode()

    def _changed(self) -> None:
        for tell in self._tell:
            tell()

    def _say(self) -> None:
        in_use = not self._breaker.is_open
        if in_use is self._in_use:
            return
        self._in_use = in_use
        if in_use:
            _log.info("redis in use")
        else:
            _log.warning("redis left alone", extra={"errors": dict(self._errors)})
