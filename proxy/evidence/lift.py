"""What reranking did for one search, given which of its documents are good.

A lift is NDCG@5 of the reranked order less NDCG@5 of the store's, from -1 to 1: over the candidates that the
store gave, and for the reranker's own order, whatever was shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Outcome
from proxy.stats.ndcg import ndcg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.observation import Observation

DEPTH = 5
_RANKED = frozenset((Outcome.RERANKED, Outcome.PARTIAL, Outcome.CACHED))


def lift(observation: Observation, grades: Mapping[str, float]) -> float | None:
    """Return the lift of a search; None where it says nothing about reranking.

    `grades` are those of relevant documents, by id; all that there are take part in the ideal, so that the
    figure is that of `midrank eval`. None where nothing was ranked: a fallback does no good and no harm, and
    a zero for each would hide both. None as well where no relevant document is among the candidates: then no
    order is better than another.
    """
    if observation.ranked.verdict.outcome not in _RANKED:
        return None
    ids = [candidate.id for candidate in observation.candidates]
    if not any(grades.get(one, 0) > 0 for one in ids):
        return None
    reranked = [ids[place] for place in observation.ranked.order]
    return ndcg(reranked, grades, DEPTH) - ndcg(ids, grades, DEPTH)
