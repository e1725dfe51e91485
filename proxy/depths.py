"""How deep the searches of late have been ranked: so many candidates are likely to be known the next time."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

# Some 100 bytes each.
_MAX_SEARCHES = 10_000


class Asked(NamedTuple):
    """What was asked, where, and who shares its scores."""

    query: str
    collection: str
    scope: bytes


class Depths:
    """Depths by what was asked. They go by a hash: one taken for another is fetched too deep, no more."""

    def __init__(self) -> None:
        self._depths: OrderedDict[int, int] = OrderedDict()

    def of(self, asked: Asked) -> int:
        """Return how many candidates were scored when it was asked last."""
        return self._depths.get(hash(asked), 0)

    def note(self, asked: Asked, scored: int) -> None:
        """Remember how many were."""
        key = hash(asked)
        self._depths[key] = scored
        self._depths.move_to_end(key)
        if len(self._depths) > _MAX_SEARCHES:
            self._depths.popitem(last=False)
