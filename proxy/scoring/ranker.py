"""The outermost layer of scoring: it owns the deadline, turns scores into an order, and never raises."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from proxy.model import Outcome, Reason, Verdict
from proxy.scoring.base import FREELY, Reach, ScoreJob, Scores
from proxy.scoring.blend import blended
from proxy.scoring.checked import checked_scores
from proxy.scoring.order import falling_scores, order_by_score
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model import Attempt, Candidate
    from proxy.scoring.base import Reuse, Scorer

# The scorer is told to be done this many seconds before the ranker stops waiting for it: time to hand
# over what it has and to order it.
HANDOVER = 0.004
_LAYERS = 8


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order of all candidates and how it came about; `scores`, if any, are parallel to `order`."""

    order: tuple[int, ...]
    verdict: Verdict
    scores: tuple[float, ...] | None = None
    scorer: str | None = None

    @classmethod
    def store_order(
        cls, total: int, outcome: Outcome, reason: Reason, attempts: tuple[Attempt, ...] = ()
    ) -> Ranked:
        """Return the identity, and why it stands."""
        return cls(tuple(range(total)), Verdict(outcome, reason, 0, total, attempts=attempts))

    @classmethod
    def by_score(
        cls, scores: Scores, readable: Sequence[int], total: int, attempts: tuple[Attempt, ...] = ()
    ) -> Ranked:
        """Return the order that valid scores give."""
        order = order_by_score(scores.values, readable, total)
        scored = int(np.count_nonzero(~np.isnan(scores.values)))
        told = (scored, len(readable), scores.known, scores.near, attempts)
        if scored < len(readable):
            verdict = Verdict(Outcome.PARTIAL, scores.missing, *told)
        else:
            verdict = Verdict(Outcome.CACHED if scores.cached else Outcome.RERANKED, None, *told)
        return cls(order, verdict, falling_scores(scores.values, readable, order), scores.scorer)

    def out_of(self, wanted: int, reason: Reason) -> Ranked:
        """Return the same, told as a part of the `wanted` candidates that could not all be asked for."""
        verdict = replace(self.verdict, candidates=max(wanted, self.verdict.candidates))
        if verdict.outcome in (Outcome.RERANKED, Outcome.CACHED):
            verdict = replace(verdict, outcome=Outcome.PARTIAL, reason=reason)
        return replace(self, verdict=verdict)


class Ranker:
    """Orders candidates by a scorer, inside a deadline, whatever the scorer does."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._tasks = Tasks()

    @property
    def scorer_name(self) -> str:
        """The name of the scorer, for spans."""
        return self._scorer.name

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many of the usual texts would be scored in so many seconds."""
        return self._scorer.usual_reach(seconds) if self._scorer.ready else Reach(math.inf)

    async def rank(
        self,
        query: str,
        candidates: Sequence[Candidate],
        *,
        window: int,
        deadline: float,
        at_least: int = 1,
        fewest: int = 2,
        tenant: str = "",
        reuse: Reuse = FREELY,
        blend: float = 0.0,
    ) -> Ranked:
        """Order the first `window` candidates; the others follow. `deadline` is an event-loop time.

        `at_least`, `tenant` and `reuse` are the job's, see `ScoreJob`; `blend` is the weight of the store's
        own scores, see `blended`. Fewer candidates than `fewest` are left alone: one has no order to be found
        out.
        """
        readable = [index for index, one in enumerate(candidates[:window]) if one.text is not None]
        total = len(candidates)
        if total < fewest:
            return Ranked.store_order(total, Outcome.PASSED, Reason.TOO_FEW)
        if not readable:
            return Ranked.store_order(total, Outcome.PASSED, Reason.NO_TEXT)
        texts = tuple(candidates[index].text or "" for index in readable)
        job = ScoreJob(query, texts, deadline - HANDOVER, at_least, tenant, reuse=reuse)
        scores = await self._scores(job, deadline)
        attempts = tuple(job.attempts)
        if isinstance(scores, Reason):
            return Ranked.store_order(total, Outcome.FALLBACK, scores, attempts)
        if blend:
            own = [candidates[index].score for index in readable]
            scores = replace(scores, values=blended(scores.values, own, blend))
        return Ranked.by_score(scores, readable, total, attempts)

    async def close(self) -> None:
        """Give up on scorers that are still at work."""
        await self._tasks.close()
        await self._scorer.close()

    async def _scores(self, job: ScoreJob, deadline: float) -> Scores | Reason:
        """Return valid scores, or why there are none; by the deadline, even if the scorer is not done."""
        time_left = deadline - asyncio.get_running_loop().time()
        if time_left <= 0:
            return Reason.NO_BUDGET
        # A task of its own: a scorer that swallows its cancellation must not hold the request.
        task = self._tasks.spawn(checked_scores(self._scorer, job), f"score:{self._scorer.name}")
        try:
            await asyncio.wait({task}, timeout=time_left)
            # Where the event loop was held up all timers fire at once: what is done is handed over first,
            # through as many layers as a scorer may have.
            for _ in range(_LAYERS):
                if task.done():
                    break
                await asyncio.sleep(0)
        finally:
            task.cancel()
        if not task.done():
            return Reason.LATE
        return Reason.SCORER_ERROR if task.cancelled() else task.result()
