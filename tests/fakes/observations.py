"""Observations out of thin air: ranked searches for who is told of them, without store, model or pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Candidate, Outcome, Reason, Verdict
from proxy.observation import Observation
from proxy.scoring.ranker import Ranked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.observation import Shown


def candidates(total: int, *, texts: bool = True) -> tuple[Candidate, ...]:
    """Return `total` candidates `d0`, `d1`, ... in the store's order; their scores fall from 1."""
    return tuple(
        Candidate(f"d{place}", f"text of d{place}" if texts else None, 1.0 - place / max(1, total))
        for place in range(total)
    )


def ranked(order: Sequence[int], outcome: Outcome = Outcome.RERANKED, reason: Reason | None = None) -> Ranked:
    """Return what models would have made of the candidates; its scores fall along the order from 1."""
    total = len(order)
    scored = total if outcome in (Outcome.RERANKED, Outcome.CACHED) else total // 2
    if outcome in (Outcome.PASSED, Outcome.FALLBACK):
        return Ranked.store_order(total, outcome, reason or Reason.TOO_FEW)
    scores = tuple(1.0 - place / max(1, total) for place in range(total))
    return Ranked(tuple(order), Verdict(outcome, reason, scored, total), scores, "fake")


def observation(
    order: Sequence[int] = (1, 0, 2, 3, 4, 5, 6, 7, 8, 9),
    *,
    shown: Shown = "reranked",
    exchange: str = "00000000000000e1",
    trace: str = "",
    store: str = "chroma",
    collection: str = "docs",
    query: str = "which one",
    limit: int = 5,
    offset: int = 0,
    teams: Sequence[int] | None = None,
    shown_order: Sequence[int] | None = None,
    found: Sequence[Candidate] | None = None,
    outcome: Outcome = Outcome.RERANKED,
    reason: Reason | None = None,
    added: float = 0.012,
    store_seconds: float = 0.004,
) -> Observation:
    """Return one ranked search whose models gave `order`; what the caller saw follows from `shown`.

    `found` are the candidates, by default as many as `order` has places. An interleaved one takes the drawn
    order as `shown_order`, and its `teams`.
    """
    made = ranked(order, outcome, reason)
    seen = tuple(range(len(order))) if shown in ("shadow", "auto_off") else made.order
    return Observation(
        exchange=exchange,
        trace=trace,
        store=store,
        collection=collection,
        shown=shown,
        query=query,
        candidates=tuple(found) if found is not None else candidates(len(order)),
        ranked=made,
        order=seen if shown_order is None else tuple(shown_order),
        page=slice(offset, offset + limit),
        teams=None if teams is None else tuple(teams),
        added=added,
        store_seconds=store_seconds,
    )
