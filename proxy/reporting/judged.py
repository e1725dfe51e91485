"""What judged queries among the recorded searches say: of the same documents, which order is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.score_keys import normalised
from proxy.stats.ndcg import ndcg
from proxy.stats.paired import mean_difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.records.recorded import RecordedSearch

# The depth of the rule of the field about what is worth it.
_DEPTH = 5


class Lift(NamedTuple):
    """The mean difference in NDCG@5 of so many queries, and its 95 % interval."""

    queries: int
    mean: float
    low: float
    high: float


class JudgedSearches:
    """Searches whose queries are judged. One that is asked often counts once, with its mean."""

    def __init__(self, relevant: Mapping[str, Mapping[str, float]]) -> None:
        """Take the grades of documents, by query text and document id."""
        self._relevant = {normalised(text): grades for text, grades in relevant.items()}
        self._scores: dict[str, list[tuple[float, float]]] = {}

    def add(self, search: RecordedSearch) -> None:
        """Take in a search, if its text was kept and is judged."""
        if search.query is None or search.page_start or not self._relevant:
            return
        query = normalised(search.query)
        if (grades := self._relevant.get(query)) is None:
            return
        store = [one.id for one in search.candidates]
        ranked = [store[place] for place in search.ranked]
        scores = ndcg(store, grades, _DEPTH), ndcg(ranked, grades, _DEPTH)
        self._scores.setdefault(query, []).append(scores)

    @property
    def lift(self) -> Lift | None:
        """What they say together; None if there are fewer than two."""
        if len(self._scores) < 2:
            return None
        before, after = (
            [sum(pair[side] for pair in pairs) / len(pairs) for pairs in self._scores.values()]
            for side in (0, 1)
        )
        return Lift(len(self._scores), *mean_difference(before, after))
