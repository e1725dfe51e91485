"""The queries that were asked lately, found by their vectors: each only ever by another of its own scope.

Every scope has an index of its own, so no comparison could reach beyond. What all of them hold together is
bounded; what was used longest ago goes first. A call takes well under a millisecond, so it can be made on the
event loop: docs/decisions/009-near-query-index.md has the figures.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.near_entry import MAX_DIMS, text_bytes
from proxy.scoring.near_index import Entry, NearIndex
from proxy.scoring.sketch import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

# What an entry takes besides its query, and a scope besides its sketches: objects, keys, places in tables.
_ENTRY_OVERHEAD = 290
_SCOPE_OVERHEAD = 420


class Near(NamedTuple):
    """A query that was asked before, and the cosine of its vector to the one looked for."""

    query: str
    similarity: float


class NearQueries:
    """At most `max_entries` queries of all scopes, each for `ttl` seconds. Lives on one event loop."""

    def __init__(
        self, max_entries: int = 10_000, ttl: float = 3600.0, *, clock: Callable[[], float] = monotonic
    ) -> None:
        """Start empty; `clock` tells seconds."""
        self._max_entries = max_entries
        self._ttl = ttl
        self._clock = clock
        # By scope and dimensions: vectors of different length never meet.
        self._indexes: dict[tuple[bytes, int], NearIndex] = {}
        # By scope and query, what was used longest ago first.
        self._kept: OrderedDict[tuple[bytes, str], Entry] = OrderedDict()
        self._nbytes = 0
        self._evictions = 0

    def __len__(self) -> int:
        """Count the queries, some of which may have expired."""
        return len(self._kept)

    def add(self, scope: bytes, vector: NDArray[np.float32], query: str, age: float = 0.0) -> bool:
        """Remember a query that was asked `age` seconds ago, in place of an equal one of its scope.

        `vector` has shape (dims,) and any length. False, and nothing is changed, if it has no direction or
        more dimensions than any model's, or if the query is longer than a question, or too old.
        """
        now = self._clock()
        direction = unit(vector)
        expires = now + self._ttl - age
        if direction is None or len(direction) > MAX_DIMS or text_bytes(query) is None or expires <= now:
            return False
        self._forget_expired(now)
        if (scope, query) in self._kept:
            self._forget((scope, query))
        elif len(self._kept) >= self._max_entries:
            self._forget(next(iter(self._kept)))
            self._evictions += 1
        self._remember(scope, query, direction, expires)
        return True

    def knows(self, scope: bytes, query: str) -> bool:
        """Say whether a query is remembered."""
        entry = self._kept.get((scope, query))
        return entry is not None and entry.expires > self._clock()

    def nearest(self, scope: bytes, vector: NDArray[np.float32], threshold: float, k: int = 4) -> list[Near]:
        """Return the `k` queries of the scope that are nearest to a vector, best first; a use of each.

        None has a cosine below `threshold`. Of queries near enough one in a million is overlooked, and more
        only where hundreds are as near. A vector without a direction is near to none.
        """
        direction = unit(vector)
        index = None if direction is None else self._indexes.get((scope, len(direction)))
        if direction is None or index is None:
            return []
        now = self._clock()
        alive = (found for found in index.near(direction, threshold) if found[0].expires > now)
        nearest = [Near(entry.query, cosine) for entry, cosine in islice(alive, k)]
        for near in reversed(nearest):
            self._kept.move_to_end((scope, near.query))
        return nearest

    def clear(self) -> None:
        """Forget everything."""
        self._indexes.clear()
        self._kept.clear()
        self._nbytes = 0

    def figures(self) -> Mapping[str, float]:
        """Return the entries and the bytes that are held, and the evictions since the start."""
        return {"entries": len(self._kept), "bytes": self._nbytes, "evictions": self._evictions}

    def _remember(self, scope: bytes, query: str, direction: NDArray[np.float32], expires: float) -> None:
        index = self._indexes.get((scope, len(direction)))
        if index is None:
            index = self._indexes[scope, len(direction)] = NearIndex(len(direction))
            self._nbytes += _SCOPE_OVERHEAD + index.nbytes
        before = index.nbytes
        entry = index.add(query, direction, expires)
        self._kept[scope, query] = entry
        self._nbytes += _size(entry) + index.nbytes - before

    def _forget(self, key: tuple[bytes, str]) -> None:
        entry = self._kept.pop(key)
        index = entry.index
        before = index.nbytes
        index.remove(entry)
        self._nbytes -= _size(entry) + before - index.nbytes
        if not len(index):
            del self._indexes[key[0], index.dims]
            self._nbytes -= _SCOPE_OVERHEAD + index.nbytes

    def _forget_expired(self, now: float) -> None:
        """Let go of what has expired, two entries at most: more than come in.

        What was used longest ago is looked at alone. An expired entry behind one that still lives was used
        after that one came in, so it is gone a time to live later at the latest.
        """
        for key, entry in list(islice(self._kept.items(), 2)):
            if entry.expires > now:
                return
            self._forget(key)


def _size(entry: Entry) -> int:
    """Return about the memory of an entry, without its sketch."""
    return _ENTRY_OVERHEAD + sys.getsizeof(entry.query) + sys.getsizeof(entry.vector)
