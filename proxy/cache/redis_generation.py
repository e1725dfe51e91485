"""The generation, a token in every key so that all can be forgotten at once; the look-out for the server.

A key of Redis, `PREFIX:generation`, says which one holds. To clear is to set another: what stands under the
old one is never asked for again, and expires. Everyone looks once in a while whether it has changed, which at
the same time tells whether the server is there; when it has been lost, this is what finds it again.

A server that has lost its data is given the generation that was known: what is in memory is still right.
So is one that shows what is no generation, or an earlier one, as after a failover to a replica that was
behind: the last generation holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from hashlib import blake2b
from time import monotonic
from typing import TYPE_CHECKING

from proxy.cache.redis_errors import RedisFailed
from proxy.cache.redis_loop import repeat
from proxy.cache.redis_token import READ, is_token, new_token
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
# Times that a look puts right what stands under the key, before it is given up.
_AGREED = 2
# Seconds in which the same is logged once: a server that works for probes alone comes and goes.
_SILENCE = 60.0

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
        self._read: Command = ("GETRANGE", self._key, 0, READ - 1)
        self._value: bytes | None = None  # what stands under the key
        self._wanted: bytes | None = None  # what is to stand there, until it does
        self._tell: list[Callable[[], None]] = []
        self._looking = asyncio.Lock()
        self._tasks = Tasks()
        self._late = False  # whether the last probe found the server, but not in time
        self._said: bool | None = None
        self._said_at = {True: -_SILENCE, False: -_SILENCE}
        self.token: bytes | None = None

    def when_changed(self, tell: Callable[[], None]) -> None:
        """Have it told when everything is to be forgotten, whoever says so; `token` is then still the old."""
        self._tell.append(tell)

    def start(self) -> None:
        """Begin to look, in the background."""
        self._tasks.spawn(repeat(self._turn, self._errors), "redis-generation")

    async def clear(self) -> bool:
        """Begin another generation; False if the server is not there: it is told as soon as it is found."""
        self._changed()
        self._wanted = self._value = new_token(self._value)
        self.token = None
        with contextlib.suppress(RedisFailed):
            await self._look()
        return self._wanted is None

    async def close(self) -> None:
        """Stop looking."""
        await self._tasks.close()

    async def _turn(self) -> None:
        self._late = False
        try:
            await (self._probe() if self._breaker.is_open else self._look())
        except RedisFailed as failure:
            self._errors[failure.kind] += 1
            self._breaker.trip()
        except Exception:
            self._breaker.trip()  # whatever it is, nobody knows which keys hold
            raise
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
            await asyncio.sleep(self._breaker.next_pause(late=self._late))

    async def _probe(self) -> None:
        """Look for a server that was lost; close the breaker if it answers, and in time.

        Raises:
            RedisFailed: it does not.
        """
        await self._client.renew()
        await self._look()
        await asyncio.gather(*(self._time() for _ in range(_READY)))
        if min([await self._time() for _ in range(_TRIES)]) > self._timeout:
            self._late = True
            raise RedisFailed("timeout")
        self._breaker.close()

    async def _time(self) -> float:
        """Return how long an answer takes, in seconds.

        Raises:
            RedisFailed: there is none.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await self._client.ask([self._read], _TIMEOUT)
        return loop.time() - asked

    async def _look(self) -> None:
        """Learn the generation, after having set it if it is for us to do so.

        Raises:
            RedisFailed: it can't be learned, or not set.
        """
        async with self._looking:
            for _ in range(_AGREED):
                wanted = self._wanted
                offered = self._value or new_token()
                value = await self._offer(offered, at_any_rate=wanted is not None)
                if self._wanted is not wanted:
                    return  # cleared meanwhile: that look is the next
                if is_token(value) and (self._value is None or value >= self._value):
                    self._wanted = None
                    self._learn(value)
                    return
                self._wanted = self._value = offered
            raise RedisFailed("garbage")

    async def _offer(self, value: bytes, *, at_any_rate: bool) -> bytes:
        """Put a value under the key, if there is none or at any rate; return the start of what stands there.

        Raises:
            RedisFailed: it can't be read, or there is none.
        """
        put: Command = ("SET", self._key, value) if at_any_rate else ("SET", self._key, value, "NX")
        done, stands = await self._client.ask([put, self._read], _TIMEOUT)
        # A server that is full can't take a generation, but it may well have one.
        if isinstance(done, RedisFailed) and (at_any_rate or stands == b""):
            raise done
        if isinstance(stands, RedisFailed):
            raise stands
        if not isinstance(stands, bytes):
            raise RedisFailed("garbage")
        return stands

    def _learn(self, value: bytes) -> None:
        if self._value not in (None, value):
            self._changed()
        self._value = value
        # A digest: shorter, as it stands in every key.
        self.token = blake2b(value, digest_size=8).hexdigest().encode()

    def _changed(self) -> None:
        for tell in self._tell:
            tell()

    def _say(self) -> None:
        in_use, now = not self._breaker.is_open, monotonic()
        if in_use is self._said or now - self._said_at[in_use] < _SILENCE:
            return
        self._said, self._said_at[in_use] = in_use, now
        if in_use:
            _log.info("redis in use")
        else:
            _log.warning("redis left alone", extra={"errors": dict(self._errors)})
