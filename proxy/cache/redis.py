"""A cache in Redis that is never in the way: whatever is wrong with the server, it is a miss, and counted.

Who does what, from here down:

    redis.py              keys, seals, hits and misses; puts the others together
    redis_reads.py        MGET: nobody waits longer than `timeout`
    redis_writes.py       SET: nobody waits at all
    redis_feed.py         messages to other replicas
    redis_generation.py   which keys hold; whether the server is there
    redis_token.py        which of two generations is the later one
    redis_loop.py         what runs in the background goes on
    breaker.py            nobody waits for a server that is not there
    redis_client.py       redis-py
    redis_connections.py  redis-py's connections
    redis_names.py        where a host is
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections import Counter
from typing import TYPE_CHECKING

from proxy.cache.base import SHARED
from proxy.cache.breaker import Breaker
from proxy.cache.redis_client import RedisClient
from proxy.cache.redis_errors import KINDS
from proxy.cache.redis_feed import RedisFeed
from proxy.cache.redis_generation import RedisGeneration
from proxy.cache.redis_link import RedisLink
from proxy.cache.redis_reads import RedisReads
from proxy.cache.redis_writes import RedisWrites
from proxy.cache.sealed import Seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from proxy.cache.redis_settings import RedisSettings

# Seconds; Redis refuses numbers that overflow its clock.
_MAX_TTL = 10 * 365 * 86_400.0


class RedisCache:
    """Keys stand as `PREFIX:GENERATION:{SHARED}REST`: those of one query in one slot of a cluster.

    Replicas that are to share it have the same secret and the same prefix.
    """

    def __init__(self, settings: RedisSettings, secret: bytes = b"") -> None:
        """Connect to nothing yet.

        Raises:
            ValueError: the settings can't be meant like that.
        """
        self._prefix = settings.prefix.encode()
        breaker = Breaker(clock=lambda: asyncio.get_running_loop().time())
        link = RedisLink(settings, RedisClient(settings), breaker, Counter())
        self._link = link
        self._seal = Seal(secret)
        self._generation = RedisGeneration(link)
        self._reads = RedisReads(link)
        self._writes = RedisWrites(link)
        self._hits = self._misses = 0
        self.feed = RedisFeed(link, self._generation, self._writes, self._seal)

    def when_cleared(self, tell: Callable[[], None]) -> None:
        """Have it told when everything is to be forgotten, by whichever replica it was cleared."""
        self._generation.when_changed(tell)

    async def start(self) -> None:
        """Look for the server in the background; until it is found, everything is a miss."""
        self._generation.start()
        self._writes.start()
        self.feed.start()

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values that the server gave in time, if they are ours."""
        token = self._generation.token
        known: Mapping[bytes, bytes] = {}
        if keys and token is not None and self._reads.admits(len(keys)):
            known = await self._read(token, keys)
            if token != self._generation.token:
                known = {}  # cleared while it was under way
        values = [known.get(key) for key in keys]
        missing = values.count(None)
        self._misses += missing
        self._hits += len(values) - missing
        return values

    def put_many(self, items: Mapping[bytes, bytes], ttl: float) -> None:
        """Send the values to the server, soon."""
        token = self._generation.token
        if token is None or self._link.breaker.is_open or ttl <= 0:
            self._writes.dropped += len(items)
            return
        milliseconds = max(1, int(min(ttl, _MAX_TTL) * 1000))
        for name, value in zip(self._names(token, items), items.values(), strict=True):
            self._writes.add(("SET", name, self._seal.seal(name, value), "PX", milliseconds))

    async def clear(self) -> bool:
        """Begin another generation, for all who share this one."""
        return await self._generation.clear()

    def figures(self) -> Mapping[str, float]:
        """Return what was found, what went wrong, and what waits."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "dropped": self._writes.dropped,
            "waiting_bytes": self._writes.waiting_bytes,
            "up": float(not self._link.breaker.is_open),
            **{f"errors_{kind}": self._link.errors[kind] for kind in KINDS},
        }

    async def close(self) -> None:
        """Stop, in a second or two whatever the server does."""
        await self._generation.close()  # first: from here on nothing finds the server again
        self._link.breaker.trip()
        await asyncio.gather(self.feed.close(), self._reads.close(), self._writes.close())
        await self._link.client.close()

    async def _read(self, token: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is known, by key. A cluster wants to be asked for each query by itself."""
        queries: dict[bytes, dict[bytes, bytes]] = {}
        for key, name in zip(keys, self._names(token, keys), strict=True):
            queries.setdefault(key[:SHARED], {})[name] = key
        if len(queries) == 1:
            answers = [await self._reads.get(list(*queries.values()))]
        else:
            answers = await asyncio.gather(*(self._reads.get(list(names)) for names in queries.values()))
        known: dict[bytes, bytes] = {}
        for names, answer in zip(queries.values(), answers, strict=True):
            for (name, key), sealed in zip(names.items(), answer or (), strict=answer is not None):
                if (value := self._open(name, sealed)) is not None:
                    known[key] = value
        return known

    def _names(self, token: bytes, keys: Iterable[bytes]) -> Iterator[bytes]:
        """Return what the server calls the keys."""
        heads: dict[bytes, bytes] = {}
        for key in keys:
            shared = key[:SHARED]
            if (head := heads.get(shared)) is None:
                head = heads[shared] = b"%b:%b:{%b}" % (self._prefix, token, _text(shared))
            yield head + _text(key[SHARED:])

    def _open(self, name: bytes, sealed: object) -> bytes | None:
        if sealed is None:
            return None
        value = self._seal.open(name, sealed) if isinstance(sealed, bytes) else None
        if value is None:
            self._link.errors["garbage"] += 1
        return value


def _text(digest: bytes) -> bytes:
    return b2a_base64(digest, newline=False)
