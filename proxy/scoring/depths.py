"""How deep the queries of late have been ranked: so many candidates are likely to be known the next time."""

from __future__ import annotations

from collections import OrderedDict

# Some 100 bytes each.
_MAX_QUERIES = 10_000


class Depths:
    """Depths by query. They go by a hash of the query: one taken for another is fetched too deep, no more."""

    def __init__(self) -> None:
        self._depths: OrderedDict[int, int] = OrderedDict()

    def of(self, query: str) -> int:
        """Return how many candidates of the query were scored when it was asked last."""
        return self._depths.get(hash(query), 0)

    def note(self, query: str, scored: int) -> None:
        """Remember how many were."""
        key = hash(query)
        self._depths[key] = scored
        self._depths.move_to_end(key)
        if len(self._depths) > _MAX_QUERIES:
            self._depths.popitem(last=False)
