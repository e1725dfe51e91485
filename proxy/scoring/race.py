"""Two scorers at once: a cheap one that surely has something, and a better one that wins if it is in time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.attempts import Attempts
from proxy.scoring.base import farthest
from proxy.scoring.checked import checked_scores
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from proxy.scoring.base import Reach, ScoreJob, Scorer, Scores

# Seconds after its deadline that a scorer is waited for: those who hand over at the deadline are in time.
_GRACE = 0.002


class Race:
    """Answers with the better scorer's scores if it scored as many texts as the floor, else with the floor's.

    Both take their model time: this buys certainty against a better tier that hangs, with work that is thrown
    away whenever it does not.
    """

    pointwise = True

    def __init__(self, better: Scorer, floor: Scorer) -> None:
        self._better = better
        self._floor = floor
        self._tasks = Tasks()

    @property
    def name(self) -> str:
        """Name both."""
        return f"{self._better.name}|{self._floor.name}"

    @property
    def ready(self) -> bool:
        """Say whether one of them can score."""
        return self._better.ready or self._floor.ready

    async def start(self) -> None:
        """Do nothing: both are started by their owner."""

    def usual_reach(self, seconds: float) -> Reach:
        """Return what the one that gets farther reaches."""
        return farthest((self._better, self._floor), seconds)

    async def score(self, job: ScoreJob) -> Scores:
        """Return one's scores.

        Raises:
            Unscored: neither has any; the reason is the floor's.
        """
        until = job.deadline + _GRACE
        # Each with attempts of its own: those of the winner are told last.
        jobs = [replace(job, attempts=Attempts()) for _ in range(2)]
        tasks = [
            self._tasks.spawn(checked_scores(one, its), f"race:{one.name}")
            for one, its in zip((self._better, self._floor), jobs, strict=True)
        ]
        try:
            better = await _result(tasks[0], until)
            if not isinstance(better, Reason) and _scored(better) == len(job.texts):
                # Nothing is left to win; but unless the floor is done too, a model is at work for it.
                job.attempts.add(jobs[0].attempts)
                return replace(better, cached=better.cached and await _is_cached(tasks[1]))
            floor = await _result(tasks[1], until)
        finally:
            for task in tasks:
                task.cancel()
        floor_wins = _scored(floor) > _scored(better) or isinstance(better, Reason)
        for one in jobs if floor_wins else reversed(jobs):
            job.attempts.add(one.attempts)
        winner = floor if floor_wins else better
        if isinstance(winner, Reason):
            raise Unscored(winner)
        return replace(winner, cached=False)  # the better one's model ran, or tried to

    async def close(self) -> None:
        """Give up on races that still run."""
        await self._tasks.close()


async def _result(task: asyncio.Task[Scores | Reason], until: float) -> Scores | Reason:
    """Return what a scorer has by then; one that does not even end by then is late."""
    await asyncio.wait({task}, timeout=until - asyncio.get_running_loop().time())
    if not task.done():
        return Reason.LATE
    return Reason.SCORER_ERROR if task.cancelled() else task.result()


async def _is_cached(task: asyncio.Task[Scores | Reason]) -> bool:
    """Say whether a scorer is done already, without its model; scores that are known come at once."""
    await asyncio.sleep(0)
    result = task.result() if task.done() and not task.cancelled() else Reason.LATE
    return not isinstance(result, Reason) and result.cached


def _scored(scores: Scores | Reason) -> int:
    return 0 if isinstance(scores, Reason) else int(np.count_nonzero(~np.isnan(scores.values)))
