"""How much orders were changed, or would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.stats.overlap import overlap_at, rank_biased_overlap

if TYPE_CHECKING:
    from proxy.records.recorded import RecordedSearch


class Changes:
    """Means over first pages; later ones are of a ranking that has been counted with the first."""

    def __init__(self) -> None:
        self.count = 0
        self._overlap = self._biased_overlap = 0.0
        self._displaced = 0

    def add(self, search: RecordedSearch) -> None:
        """Take in a search whose candidates were ranked."""
        if search.page_start or not search.ranked or not search.order:
            return
        # Of a page that was drawn from both orders, that one: it is what callers saw.
        order = search.order if search.shown == "interleaved" else search.ranked
        store = range(len(order))
        self.count += 1
        self._overlap += overlap_at(order, store, search.page_stop or len(store))
        self._biased_overlap += rank_biased_overlap(order, store)
        self._displaced += order[0] != 0

    @property
    def overlap(self) -> float:
        """Share of the rows of a page that are on the store's own page too."""
        return self._overlap / self.count if self.count else 1.0

    @property
    def biased_overlap(self) -> float:
        """Rank-biased overlap with the store's order."""
        return self._biased_overlap / self.count if self.count else 1.0

    @property
    def displaced(self) -> float:
        """Share of answers whose first row is another one."""
        return self._displaced / self.count if self.count else 0.0
