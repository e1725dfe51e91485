"""A cache in memory: bounded in bytes, forgets what was used longest ago and what has expired.

Keys that share their first bytes belong to one query. They are asked for together, so they are kept together
(`packed.py`), and when there is no more room they are forgotten together. It lives on the event loop, and
nothing in it waits.
"""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING

from proxy.cache import packed
from proxy.cache.base import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Ticks a second: what is kept ends up to 1/16 s early, and four bytes last for eight years of uptime.
_TICKS = 16
# What a query takes besides the contents of its run and of its name: the heads of both (33 each), a node of
# the ordered dictionary (48), and its share of the table: 28 bytes a slot, up to six slots an item (CPython
# 3.11).
_OVERHEAD = 66 + 48 + 168
# What the allocator adds: it rounds sizes up, and leaves gaps between objects that come and go.
_ALLOCATION = 32
# A table that grows exists twice for a moment, and is copied at one go. So there are many small ones, each of
# which forgets in its own order; keys are digests, which spread evenly.
_TABLE_BYTES = 2**20
_MAX_TABLES = 256
# Queries that are looked at for having expired whenever anything is asked for or kept.
_LOOKED_AT = 2


class MemoryCache:
    """LRU and TTL. `max_bytes` bounds the memory that it takes; `clock` is in seconds and never set back.

    A value of more than `packed.MAX_RUN` bytes is not kept.
    """

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Start empty."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._started = clock()
        tables = min(_MAX_TABLES, max(1, max_bytes // _TABLE_BYTES))
        self._tables: list[OrderedDict[bytes, bytes]] = [OrderedDict() for _ in range(tables)]
        self._nbytes = self._entries = 0
        self._hits = self._misses = self._evictions = self._expired = 0

    async def start(self) -> None:
        """Do nothing: it is ready."""

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values; the queries that they belong to count as used."""
        now = self._ticks(0.0)
        known: dict[bytes, dict[bytes, tuple[int, bytes]]] = {}
        values: list[bytes | None] = []
        for key in keys:
            name = _name(key)
            if (records := known.get(name)) is None:
                records = known[name] = self._use(name, now)
            record = records.get(key[SHARED:])
            values.append(record[1] if record is not None and record[0] > now else None)
        missing = values.count(None)
        self._misses += missing
        self._hits += len(values) - missing
        return values

    def put_many(self, items: Mapping[bytes, bytes], ttl: float) -> None:
        """Keep the values, each query's with those already known of it."""
        now, end = self._ticks(0.0), self._ticks(ttl)
        queries: dict[bytes, dict[bytes, tuple[int, bytes]]] = {}
        for key, value in items.items():
            if len(value) <= packed.MAX_RUN and end > now:
                queries.setdefault(_name(key), {})[key[SHARED:]] = (end, value)
        for name, records in queries.items():
            self._keep(name, records, now)

    async def clear(self) -> bool:
        """Forget everything."""
        self.forget()
        return True

    def forget(self) -> None:
        """Forget everything, at once."""
        for table in self._tables:
            table.clear()
        self._nbytes = self._entries = 0

    def figures(self) -> Mapping[str, float]:
        """Return what was found, and what became of the rest."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "entries": self._entries,
            "bytes": self._nbytes,
            "evictions": self._evictions,
            "expired": self._expired,
        }

    async def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def _ticks(self, ahead: float) -> int:
        """Return the time so many seconds ahead."""
        return min(packed.MAX_TICKS, int((self._clock() - self._started + min(ahead, 1e9)) * _TICKS))

    def _table(self, name: bytes) -> OrderedDict[bytes, bytes]:
        return self._tables[name[0] % len(self._tables)]

    def _use(self, name: bytes, now: int) -> dict[bytes, tuple[int, bytes]]:
        """Return what is known of a query by the rest of its keys, expired records among it."""
        table = self._table(name)
        self._reap(table, now)
        run = table.get(name)
        if run is None:
            return {}
        if packed.last_end(run) <= now:
            self._expired += self._drop(table, name)
            return {}
        table.move_to_end(name)
        return packed.unpack(run, _rest_length(name))

    def _keep(self, name: bytes, records: dict[bytes, tuple[int, bytes]], now: int) -> None:
        """Keep records of a query in place of those of the same key, and with those that have not expired."""
        table = self._table(name)
        self._reap(table, now)
        if (run := table.get(name)) is not None:
            before = self._drop(table, name)
            known = packed.unpack(run, _rest_length(name))
            live = {rest: record for rest, record in known.items() if record[0] > now}
            self._expired += before - len(live)
            for rest in records:
                live.pop(rest, None)  # so that what is new stands last
            records = live | records
        run = packed.pack(records)
        table[name] = run
        kept = packed.count(run)
        self._evictions += len(records) - kept
        self._entries += kept
        self._nbytes += _size(name, run)
        self._make_room(table)

    def _make_room(self, table: OrderedDict[bytes, bytes]) -> None:
        """Forget what was used longest ago in a table; when that is not enough, also in the others."""
        for one in (table, *self._tables):
            while self._nbytes > self._max_bytes and one:
                self._evictions += self._drop(one, next(iter(one)))

    def _reap(self, table: OrderedDict[bytes, bytes], now: int) -> None:
        """Drop the queries of a table that were used longest ago, a few at a time, if they have expired.

        The first in line was kept no later than any behind it was used. So what nobody asks for goes soon
        after its time, and what stands further behind is found out when it is asked for.
        """
        for _ in range(_LOOKED_AT):
            first = next(iter(table), None)
            if first is None or packed.last_end(table[first]) > now:
                return
            self._expired += self._drop(table, first)

    def _drop(self, table: OrderedDict[bytes, bytes], name: bytes) -> int:
        """Take a query out; return how many records it had."""
        run = table.pop(name)
        dropped = packed.count(run)
        self._entries -= dropped
        self._nbytes -= _size(name, run)
        return dropped


def _name(key: bytes) -> bytes:
    """Return what stands for a query: what its keys share, and how long the rest of them is."""
    return key[:SHARED] + (len(key) - SHARED).to_bytes(2, "little")


def _rest_length(name: bytes) -> int:
    return int.from_bytes(name[SHARED:], "little")


def _size(name: bytes, run: bytes) -> int:
    return len(name) + len(run) + _OVERHEAD + _ALLOCATION
