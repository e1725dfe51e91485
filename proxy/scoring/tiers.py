"""Several scorers: the best one that can do enough in the time left, and the next where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.checked import checked_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.scoring.base import ScoreJob, Scorer, Scores


class Tiers:
    """The scorers of a rule, best first. The scores of two tiers are never mixed in one ranking.

    A tier is passed over if it is predicted to score fewer texts than the job wants at least, except for the
    last one: a few texts are better than none. A tier that fails leaves the rest of the time to the next.
    """

    def __init__(self, tiers: Sequence[Scorer]) -> None:
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

    def reach(self, job: ScoreJob) -> int:
        """Return what the tier that would be tried first reaches."""
        return next((reach for tier in self._tiers if (reach := self._worth_it(tier, job)) > 0), 0)

    def usual_reach(self, seconds: float) -> float:
        """Return what the tier that reaches farthest does."""
        return max((tier.usual_reach(seconds) for tier in self._tiers if tier.ready), default=0.0)

    def figures(self) -> Mapping[str, float]:
        """Return nothing: it is the models that are watched."""
        return {}

    async def score(self, job: ScoreJob) -> Scores:
        """Return the scores of the first tier that has any.

        Raises:
            Unscored: no tier has; the reason is the last one's.
        """
        reason = Reason.WARMING
        for tier in self._tiers:
            if not tier.ready:
                continue
            if not self._worth_it(tier, job):
                reason = Reason.OVERLOADED
                continue
            scores = await checked_scores(tier, job)
            if not isinstance(scores, Reason):
                return scores
            reason = scores
        raise Unscored(reason)

    async def close(self) -> None:
        """Do nothing: tiers are closed by their owner."""

    def _worth_it(self, tier: Scorer, job: ScoreJob) -> int:
        """Return how many texts a tier would reach; 0 if those are too few to try it."""
        if not tier.ready:
            return 0
        if tier is self._tiers[-1]:
            return len(job.texts)
        reach = tier.reach(job)
        return reach if reach >= min(job.at_least, len(job.texts)) else 0
