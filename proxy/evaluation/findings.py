"""Replies to figures: what counts of an answer, how good it is, and how it compares with the store's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.evaluation.measures import measured, recalled
from proxy.evaluation.results import LIFT, Arm, Asked, Difference
from proxy.stats.paired import mean_difference, randomisation_p, wins_losses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.evaluation.asking import Reply
    from proxy.evaluation.judged import Judged

# What the store alone is called.
STORE = "store"


class Named(NamedTuple):
    """What an arm is called, and what is known of its policy: see `results.Arm`."""

    name: str
    policy: str | None = None
    models: tuple[str, ...] = ()
    budget: float | None = None


def own_documents(judged: Judged) -> frozenset[str]:
    """Return the ids of queries that stand among the documents, under the same id and with the same words.

    They find themselves, which is no answer: BEIR leaves such rows out, too. An id alone means nothing where
    queries and documents are both numbered from 1 on.
    """
    return frozenset(
        query.id
        for query in judged.queries
        if query.id not in query.relevant
        and query.text.strip()
        and query.text.strip() in judged.documents.get(query.id, "")
    )


def recall(judged: Judged, replies: Sequence[Reply], window: int) -> float:
    """Return the mean share of relevant documents among the first `window` rows."""
    own = own_documents(judged)
    answers = [
        _counted(reply, query.id, own, window) for query, reply in zip(judged.queries, replies, strict=True)
    ]
    shares = recalled(judged.queries, answers)
    return sum(shares) / len(shares)


def arms(
    judged: Judged, named: Sequence[Named], replies: Sequence[Sequence[Reply]], k: int
) -> tuple[Arm, ...]:
    """Return every arm with its figures; `replies`, parallel to `named`, begin with the store's own."""
    own = own_documents(judged)
    answers = [
        [_counted(reply, query.id, own, k) for query, reply in zip(judged.queries, some, strict=True)]
        for some in replies
    ]
    values = [measured(judged.queries, one, k) for one in answers]
    return tuple(
        Arm(
            name=arm.name,
            policy=arm.policy,
            asked=tuple(
                Asked(query.id, ids, *reply[1:-1], ndcg5=ndcg5)
                for query, ids, reply, ndcg5 in zip(judged.queries, pages, some, by_name[LIFT], strict=True)
            ),
            measures={measure: sum(one) / len(one) for measure, one in by_name.items()},
            compared=_compared(values[0], by_name) if place else {},
            models=arm.models,
            budget=arm.budget,
        )
        for place, (arm, pages, some, by_name) in enumerate(zip(named, answers, replies, values, strict=True))
    )


def _counted(reply: Reply, query: str, own: frozenset[str], rows: int) -> tuple[str, ...]:
    """Return the documents of an answer that count: each once, and not the query itself."""
    distinct = dict.fromkeys(reply.ids)
    if query in own:
        distinct.pop(query, None)
    return tuple(distinct)[:rows]


def _compared(
    before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]
) -> dict[str, Difference]:
    return {
        name: Difference(
            *mean_difference(before[name], after[name]),
            randomisation_p(before[name], after[name]),
            *wins_losses(before[name], after[name]),
        )
        for name in before
    }
