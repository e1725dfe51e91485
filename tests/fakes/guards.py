"""Harm guards as tests tell them of searches, and read what they say."""

from __future__ import annotations

from tests.fakes.observations import observation

HARMFUL = (5, 6, 7, 8, 9, 0, 1, 2, 3, 4)  # the relevant one goes out of the first five
HELPFUL = (3, 0, 1, 2, 4, 5, 6, 7, 8, 9)


def search(guard, kind, numbers, *, collection="docs", shown="reranked"):
    """Tell of searches for probes; the good ones gain by the reranking, the bad ones lose."""
    order = HELPFUL if kind == "good" else HARMFUL
    for number in numbers:
        guard.tell(observation(order, query=f"{kind} {number}", collection=collection, shown=shown))


def figures(guard):
    return dict(guard.figures())


def known(guard):
    """Return what is told to people, by collection."""
    return {collection: told for (_, collection), told in guard.evidence()}
