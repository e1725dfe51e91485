"""The searches of a call: ranked by their rule's models, each in its place, all inside one deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.depths import Asked, Depths
from proxy.model import Outcome, Reason
from proxy.rank_span import RankSpans
from proxy.scoring.ranker import Ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.codecs.base import Call, Reply
    from proxy.model import Candidate
    from proxy.plan import Plan, SearchPlan
    from proxy.policy import Rule
    from proxy.policy_scoring import Scoring
    from proxy.scoring.base import Reach, Reuse
    from proxy.scoring.ranker import Ranker
    from proxy.telemetry import Telemetry


class Searches:
    """What ranks the searches of one store, and knows how deep it got with those of late."""

    def __init__(
        self, store: str, rankers: Mapping[Scoring, Ranker], telemetry: Telemetry, *, text: bool = False
    ) -> None:
        """Take the parts; with `text`, spans may hold the texts of searches."""
        self._store = store
        self._rankers = rankers
        self._spans = RankSpans(telemetry, text=text)
        self._depths = Depths()

    def reach(self, rule: Rule, seconds: float) -> Reach:
        """Predict how many candidates a rule's models get through."""
        return self._rankers[rule.scoring].usual_reach(seconds)

    def known(self, call: Call, query: str, reuse: Reuse) -> int:
        """Return how many candidates of a search are likely to need no scoring."""
        return self._depths.of(Asked(query, call.collection, reuse.scope)) if reuse.exact else 0

    async def rank(
        self, call: Call, plan: Plan, reply: Reply, deadline: float, reuse: Sequence[Reuse]
    ) -> Sequence[Ranked]:
        """Rank all of them by the deadline, an event-loop time; never raises for what a model does."""
        work = [
            self._rank_one(plan, search, candidates, deadline, one)
            for search, candidates, one in zip(plan.searches, reply.candidates, reuse, strict=True)
        ]
        # Nearly every call has one search, which needs no task of its own.
        ranked = [await work[0]] if len(work) == 1 else await asyncio.gather(*work)
        self._note_depths(call, plan, reuse, ranked)
        return ranked

    async def _rank_one(
        self,
        plan: Plan,
        search: SearchPlan,
        candidates: Sequence[Candidate],
        deadline: float,
        reuse: Reuse,
    ) -> Ranked:
        if search.text is None or search.window is None:
            reason = search.reason or Reason.INTERNAL_ERROR
            return Ranked.store_order(len(candidates), Outcome.PASSED, reason)
        ranker = self._rankers[plan.rule.scoring]
        with self._spans.open(
            search.text.text,
            model=ranker.scorer_name,
            top_k=search.page.stop - search.page.start,
            window=search.depth,
            budget=plan.budget,
            source=search.text.source,
        ) as span:
            ranked = await ranker.rank(
                search.text.text,
                candidates,
                window=search.depth,
                deadline=deadline,
                at_least=plan.rule.candidates.at_least,
                tenant=self._store,
                reuse=reuse,
                blend=plan.rule.blend,
            )
            # A store that has no more rows has given all that were wanted.
            if search.narrowed is not None and len(candidates) >= search.depth:
                ranked = ranked.out_of(search.wanted, search.narrowed)
            self._spans.describe(span, ranked, candidates)
            return ranked

    def _note_depths(self, call: Call, plan: Plan, reuse: Sequence[Reuse], ranked: Sequence[Ranked]) -> None:
        for search, one, found in zip(plan.searches, reuse, ranked, strict=True):
            if search.text is not None and one.exact:
                asked = Asked(search.text.text, call.collection, one.scope)
                self._depths.note(asked, found.verdict.scored)
