"""What a store would not do lately: the row counts it refused, and the collections to leave alone."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Limits belong to a collection's configuration and change rarely; they are tried again after this long.
LIMIT_TTL = 600.0
# A refusal that names no limit may have had any cause: the collection is left alone this long only.
AVOID_TTL = 60.0
MAX_COLLECTIONS = 10_000


class Caution:
    """Remembers refusals, so that one search pays for a lesson and not all of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limits: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def row_limit(self, collection: str) -> int | None:
        """Return the most rows to ask a collection for: 0 is none, leave it alone; None is no limit known."""
        known = self._limits.get(collection)
        if known is None:
            return None
        limit, until = known
        if self._clock() < until:
            return limit
        del self._limits[collection]
        return None

    def learn(self, collection: str, row_limit: int | None) -> None:
        """Remember that the store refused; `row_limit` is what its refusal said it allows, if it did."""
        ttl = LIMIT_TTL if row_limit else AVOID_TTL
        self._limits[collection] = (row_limit or 0, self._clock() + ttl)
        self._limits.move_to_end(collection)
        while len(self._limits) > MAX_COLLECTIONS:
            self._limits.popitem(last=False)
