"""What reranking would have changed: figures of rankings made behind answers in the store's order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from proxy.evidence.durations import Durations
from proxy.model import Outcome
from proxy.stats.overlap import overlap_at, rank_biased_overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.observation import Observation

# Collections are named by callers. The one not searched for longest makes room; some 3 KB each.
MAX_COLLECTIONS = 500

_RANKED = frozenset((Outcome.RERANKED, Outcome.PARTIAL, Outcome.CACHED))
# Ranks that orders are compared in: what lies behind them weighs .00003 of the whole.
_DEEPEST = 100
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class ShadowStats:
    """Running figures for every collection whose searches are ranked behind the answer."""

    def __init__(self, max_collections: int = MAX_COLLECTIONS) -> None:
        """Remember so many collections."""
        self._most = max_collections
        self._collections: dict[tuple[str, str], _Changes] = {}

    def tell(self, observation: Observation) -> None:
        """Take in a search; one whose caller got the reranked order is passed over."""
        if observation.shown in ("shadow", "auto_off"):
            self._of(observation.store, observation.collection).add(observation)

    def shed(self, store: str, collection: str) -> None:
        """Count a ranking that was not made, for want of room."""
        self._of(store, collection).shed += 1

    def figures(self) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
        """Yield numbers by store and collection; others may be told of in between."""
        return ((place, one.figures()) for place, one in tuple(self._collections.items()))

    def evidence(self) -> Iterator[tuple[tuple[str, str], dict[str, object]]]:
        """Yield the same, and how rankings ended, as JSON can hold it."""
        return ((place, one.evidence()) for place, one in tuple(self._collections.items()))

    def _of(self, store: str, collection: str) -> _Changes:
        key = (store, collection)
        # Put last again: the first is the one not searched for longest.
        changes = self._collections.pop(key, None) or _Changes()
        self._collections[key] = changes
        if len(self._collections) > self._most:
            del self._collections[next(iter(self._collections))]
        return changes


class _Changes:
    """One collection's figures.

    What would have changed is counted for first pages whose candidates have new scores: a search that would
    have fallen back changes nothing, which `outcomes` tells, and a later page is of a ranking that has been
    counted with the first.
    """

    def __init__(self) -> None:
        self.shed = 0
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._compared = 0
        self._overlap = self._biased_overlap = 0.0
        self._displaced = 0
        self._added = Durations()

    def add(self, seen: Observation) -> None:
        verdict = seen.ranked.verdict
        self._outcomes[verdict.outcome.value] += 1
        if verdict.reason is not None:
            self._reasons[verdict.reason.value] += 1
        self._added.add(seen.added)
        order = seen.ranked.order
        if verdict.outcome not in _RANKED or seen.page.start or not order:
            return
        store = range(len(order))
        self._compared += 1
        size = len(order[seen.page])
        self._overlap += overlap_at(order[:size], store[:size], size)
        self._biased_overlap += rank_biased_overlap(order[:_DEEPEST], store[:_DEEPEST])
        self._displaced += order[0] != 0

    def figures(self) -> dict[str, float]:
        compared = self._compared
        return {
            "searches": self._outcomes.total(),
            "shed": self.shed,
            "compared": compared,
            **({} if not compared else self._means(compared)),
            **{f"added_{name}": self._added.quantile(share) for name, share in _QUANTILES.items()},
        }

    def evidence(self) -> dict[str, object]:
        return {**self.figures(), "outcomes": dict(self._outcomes), "reasons": dict(self._reasons)}

    def _means(self, compared: int) -> dict[str, float]:
        return {
            "overlap": self._overlap / compared,
            "rank_biased_overlap": self._biased_overlap / compared,
            "displaced_top1": self._displaced / compared,
        }
