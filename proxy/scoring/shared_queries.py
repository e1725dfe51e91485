"""Near queries of all replicas: what one has been asked, the others know of a moment later."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxy.scoring.near_entry import NearEntry, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.cache.base import Feed
    from proxy.scoring.near_queries import Near, NearQueries

_log = logging.getLogger(__name__)


def _now() -> float:
    # Replicas have no clock in common but that of the wall.
    return datetime.now(UTC).timestamp()


class SharedQueries:
    """The queries of this process, told to a feed, and those that the feed tells."""

    def __init__(self, queries: NearQueries, feed: Feed, *, now: Callable[[], float] = _now) -> None:
        """Take the queries, where others' are told, and a clock in seconds since 1970."""
        self._queries = queries
        self._feed = feed
        self._now = now
        feed.subscribe(self._hear)

    def knows(self, scope: bytes, query: str) -> bool:
        """Say whether a query is remembered."""
        return self._queries.knows(scope, query)

    def add(self, scope: bytes, vector: NDArray[np.float32], query: str) -> bool:
        """Remember a query, and tell the others of it."""
        if not self._queries.add(scope, vector, query):
            return False
        message = encode(NearEntry(scope, vector, query, self._now()))
        if message is not None:
            self._feed.publish(message)
        return True

    def nearest(self, scope: bytes, vector: NDArray[np.float32], threshold: float, k: int) -> Sequence[Near]:
        """Return the nearest of the scope, whoever was asked them."""
        return self._queries.nearest(scope, vector, threshold, k)

    def _hear(self, message: bytes) -> None:
        try:
            entry = decode(message)
        except ValueError:
            # Only what was sealed with our secret gets here: a replica of another version, most likely.
            _log.debug("message of another replica not understood")
            return
        self._queries.add(entry.scope, entry.vector, entry.query, entry.age(self._now()))
