"""Two scorers in a row: a cheap one orders all texts, a better one then orders the top of that order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Scores
from proxy.scoring.checked import checked_scores
from proxy.scoring.order import order_by_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from proxy.scoring.base import Reach, ScoreJob, Scorer


class Cascade:
    """Scores all texts with `cheap` and its best `top` again with `better`.

    The two kinds of scores are not compared with each other: what the better one reads only trades places
    inside the top, and what it does not reach keeps the place that the cheap one gave it. The cheap one has
    half of the time. If one of them fails, the other's scores stand alone.
    """

    pointwise = False  # whether a text is read by the better one depends on the others

    def __init__(self, better: Scorer, cheap: Scorer, *, top: int) -> None:
        self._better = better
        self._cheap = cheap
        self._top = top

    @property
    def name(self) -> str:
        """Name both, in the order in which they read."""
        return f"{self._cheap.name}>{self._better.name}"

    @property
    def ready(self) -> bool:
        """Say whether one of them can score."""
        return self._cheap.ready or self._better.ready

    async def start(self) -> None:
        """Do nothing: both are started by their owner."""

    def usual_reach(self, seconds: float) -> Reach:
        """Return what the cheap one reaches."""
        return (self._cheap if self._cheap.ready else self._better).usual_reach(seconds)

    async def score(self, job: ScoreJob) -> Scores:
        """Return scores that fall along the order that both have made.

        Raises:
            Unscored: neither has any.
        """
        now = asyncio.get_running_loop().time()
        # What the cheap one does not know yet could take all the time there is.
        half = replace(job, deadline=now + (job.deadline - now) / 2) if self._better.ready else job
        cheap = await checked_scores(self._cheap, half)
        if isinstance(cheap, Reason):
            better = await checked_scores(self._better, job)
            if isinstance(better, Reason):
                raise Unscored(better)
            return replace(better, cached=False)
        order = order_by_score(cheap.values, range(len(job.texts)), len(job.texts))
        scored = [place for place in order if not np.isnan(cheap.values[place])]
        top = scored[: self._top]
        texts = tuple(job.texts[place] for place in top)
        better = await checked_scores(self._better, replace(job, texts=texts))
        if isinstance(better, Reason):
            return replace(cheap, cached=False)  # the better one's model ran, or tried to
        # One that the better scorer did not reach keeps the place that the cheap one gave it.
        best = [top[place] for place in order_by_score(better.values, range(len(top)), len(top))]
        values = _falling(cheap.values, [*best, *scored[self._top :]])
        return Scores(
            values,
            self.name,
            cached=cheap.cached and better.cached,
            missing=cheap.missing,
            known=min(cheap.known, len(scored)),
            near=cheap.near if better.near is None else better.near,
        )

    async def close(self) -> None:
        """Do nothing: both are closed by their owner."""


def _falling(values: NDArray[np.float32], order: list[int]) -> NDArray[np.float32]:
    """Return the scores of `values`, dealt out again so that they fall strictly along `order`."""
    dealt = np.full_like(values, np.nan)
    ceiling = np.float32(np.inf)
    for place, score in zip(order, sorted((values[place] for place in order), reverse=True), strict=True):
        ceiling = min(score, np.nextafter(ceiling, np.float32(-np.inf), dtype=np.float32))
        dealt[place] = ceiling
    return dealt
