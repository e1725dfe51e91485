"""Several scorers: the best one that can do enough in the time left, and the next where it fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import farthest
from proxy.scoring.checked import checked_scores, looked_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.base import Reach, ScoreJob, Scores, Tier


class Tiers:
    """The scorers of a rule, best first. The scores of two tiers are never mixed in one ranking.

    A tier is passed over if it is predicted to score fewer texts than the job wants at least. If no other has
    scores, the one of those that gets farthest is asked after all: a few texts are better than none. A tier
    that fails leaves the rest of the time to the next. What came of each is noted in the job's `attempts`.
    """

    def __init__(self, tiers: Sequence[Tier]) -> None:
        self._tiers = tuple(tiers)

    @property
    def name(self) -> str:
        """Name the tiers, best first."""
        return ",".join(tier.name for tier in self._tiers)

    @property
    def pointwise(self) -> bool:
        """Say whether every tier scores texts one by one."""
        return all(tier.pointwise for tier in self._tiers)

    @property
    def ready(self) -> bool:
        """Say whether some tier can score."""
        return any(tier.ready for tier in self._tiers)

    async def start(self) -> None:
        """Do nothing: tiers are shared between rules and started by their owner."""

    def usual_reach(self, seconds: float) -> Reach:
        """Return what the tier that reaches farthest does."""
        return farthest(self._tiers, seconds)

    async def score(self, job: ScoreJob) -> Scores:
        """Return the scores of the first tier that has any.

        Raises:
            Unscored: no tier has; the reason is the last one's.
        """
        reason = Reason.WARMING
        several = sum(tier.ready for tier in self._tiers) > 1
        wanted = min(job.at_least, len(job.texts))
        passed_over: list[tuple[int, Tier, ScoreJob]] = []
        tried = 0
        for tier in self._tiers:
            if not tier.ready:
                job.attempts.failed(tier.name, Reason.WARMING)
                continue
            known = await looked_up(tier, job)
            if several and (reach := tier.reach(known)) < wanted:
                job.attempts.failed(tier.name, _why_passed_over(tier, job))
                passed_over.append((reach, tier, known))
                continue
            scores = await _asked(tier, known)
            if not isinstance(scores, Reason):
                return replace(scores, cached=scores.cached and not tried)
            reason = scores
            tried += 1  # a model ran, or may have
        for _, tier, known in sorted(passed_over, key=lambda one: -one[0]):
            scores = await _asked(tier, known)
            if not isinstance(scores, Reason):
                return replace(scores, cached=scores.cached and not tried)
            reason = scores
            tried += 1
        raise Unscored(reason)

    async def close(self) -> None:
        """Do nothing: tiers are closed by their owner."""


async def _asked(tier: Tier, job: ScoreJob) -> Scores | Reason:
    job.attempts.asked(tier.name)
    scores = await checked_scores(tier, job)
    if isinstance(scores, Reason):
        job.attempts.failed(tier.name, scores)
    else:
        job.attempts.scored(tier.name)
    return scores


def _why_passed_over(tier: Tier, job: ScoreJob) -> Reason:
    return tier.usual_reach(job.deadline - asyncio.get_running_loop().time()).reason
