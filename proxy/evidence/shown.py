"""The rows that one search has shown, and for which of two orders each of them speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.evidence.query_number import query_number
from proxy.scoring.score_keys import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.observation import Observation

# Of more rows nobody reads the last ones; feedback on them is feedback on unknown ids.
MAX_ROWS = 200
# Ranks at which a row is looked for. Whoever used one that is further behind has used one from about here.
MAX_RANKS = 1000

# Whose turn the first rows were tells how the coins fell, whatever the rows and however many there are.
_COINS = 32


class Row(NamedTuple):
    """A row that was shown: 1 where it speaks for the reranked order, -1 for the store's, 0 for neither.

    The places are those in the store's order and in the reranked one, from 0.
    """

    credit: int
    store_place: int
    reranked_place: int


@dataclass(slots=True)
class ShownSearch:
    """One search's rows, by Python's own keyed hash of their ids: it is fast, and never leaves the process.

    `draft` is the same for answers that share their coins, and `query` the number of what was asked; both are
    0 of a search that was not drawn. `cited` holds what citations say of it until it is known whether
    something better comes; None without any.
    """

    rows: dict[int, Row]
    drawn: bool
    shown_reranked: bool
    draft: int = 0
    query: int = 0
    cited: int | None = None

    def find(self, ids: frozenset[int]) -> list[Row]:
        """Return those of its rows that have one of these hashes of ids."""
        # The shorter of both is gone through.
        return [self.rows[one] for one in self.rows.keys() & ids]


def shown_search(seen: Observation) -> ShownSearch:
    """Return what is to be remembered of a search."""
    shown = seen.order[seen.page][:MAX_ROWS]
    ranks = dict(zip(seen.ranked.order[:MAX_RANKS], range(MAX_RANKS), strict=False))
    rows = {
        hash(seen.candidates[index].id): Row(credit, index, ranks.get(index, MAX_RANKS))
        for index, credit in zip(shown, _credits(seen, len(shown)), strict=True)
    }
    search = ShownSearch(rows, seen.teams is not None, seen.shown not in ("shadow", "auto_off"))
    if seen.teams is not None:
        search.draft = hash((seen.store, seen.collection, normalised(seen.query), seen.teams[:_COINS]))
        search.query = query_number(seen.query)
    return search


def neutral_places(order: Sequence[int]) -> Iterator[bool]:
    """Yield for every place of a draft of the store's order and `order` whether its row speaks for neither.

    Where both orders have the same row, behind the same rows in whatever order, that row is drawn there
    however the coins fall. Whose turn it then was is chance alone. Other rows that both captains would have
    taken don't count as neutral: whether it comes to that depends on the coins, and one order would lose more
    rows than the other.
    """
    highest = -1
    for place, index in enumerate(order):
        yield index == place and highest == place - 1
        highest = max(highest, index)


def _credits(seen: Observation, shown: int) -> list[int]:
    """Return for whom the first `shown` rows of the page speak, see `Row`."""
    if seen.teams is None:
        return [0] * shown
    page = slice(seen.page.start, seen.page.start + shown)
    neutral = list(neutral_places(seen.ranked.order[: page.stop]))[page]
    return [0 if none else 2 * team - 1 for team, none in zip(seen.teams[page], neutral, strict=True)]
