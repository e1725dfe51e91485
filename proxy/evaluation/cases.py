"""The queries that a policy helped and harmed most: what stood on top before, and what after."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.evaluation.wording import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.evaluation.judged import Judged
    from proxy.evaluation.results import Arm, Asked

# What is shown of each: enough to judge by, and few enough to be read.
CASES = 3
TOP = 5
LONGEST_TEXT = 220
LONGEST_QUERY = 300


class Row(NamedTuple):
    """A document on top; `other` is its place in the other of the two answers, if it has one there."""

    rank: int
    id: str
    text: str
    grade: float
    other: int | None


class Case(NamedTuple):
    """One query, answered by the store alone (`before`) and by a policy (`after`)."""

    id: str
    text: str
    before: tuple[Row, ...]
    after: tuple[Row, ...]
    ndcg5: tuple[float, float]
    outcome: str
    reason: str

    @property
    def change(self) -> float:
        """What NDCG@5 gained."""
        return self.ndcg5[1] - self.ndcg5[0]


def biggest(arm: Arm, store: Arm, judged: Judged, *, harms: bool = False) -> tuple[Case, ...]:
    """Return the greatest wins of a policy, or its greatest harms; those of one size in the order asked."""
    sign = -1 if harms else 1
    changes = [
        sign * (after.ndcg5 - before.ndcg5) for before, after in zip(store.asked, arm.asked, strict=True)
    ]
    places = sorted(
        (place for place, change in enumerate(changes) if change > 0), key=lambda one: -changes[one]
    )
    return tuple(_case(place, store.asked[place], arm.asked[place], judged) for place in places[:CASES])


def _case(place: int, before: Asked, after: Asked, judged: Judged) -> Case:
    query = judged.queries[place]
    return Case(
        query.id,
        excerpt(query.text, LONGEST_QUERY),
        _rows(before.ids, after.ids, query.relevant, judged.documents),
        _rows(after.ids, before.ids, query.relevant, judged.documents),
        (before.ndcg5, after.ndcg5),
        after.outcome,
        after.reason,
    )


def _rows(
    ids: Sequence[str], others: Sequence[str], relevant: Mapping[str, float], texts: Mapping[str, str]
) -> tuple[Row, ...]:
    places = {name: place for place, name in enumerate(others, 1)}
    return tuple(
        Row(rank, name, excerpt(texts.get(name, ""), LONGEST_TEXT), relevant.get(name, 0.0), places.get(name))
        for rank, name in enumerate(ids[:TOP], 1)
    )
