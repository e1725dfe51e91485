"""Several scorers in a row: the next one takes over where one is not ready or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.checked import checked_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.base import ScoreJob, Scorer, Scores


class Tiers:
    """The scorers of a rule, best first. The scores of two tiers are never mixed in one ranking."""

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

    async def score(self, job: ScoreJob) -> Scores:
        """Return the scores of the first tier that has any.

        Raises:
            Unscored: no tier has; the reason is the last one's.
        """
        reason = Reason.WARMING
        for tier in self._tiers:
            scores = await checked_scores(tier, job)
            if not isinstance(scores, Reason):
                return scores
            # A tier that is still loading is the least telling of reasons.
            reason = scores if scores is not Reason.WARMING else reason
        raise Unscored(reason)

    async def close(self) -> None:
        """Do nothing: tiers are closed by their owner."""
