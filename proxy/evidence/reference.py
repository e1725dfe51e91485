"""A stronger model's opinion of some searches, asked behind the answer.

It orders the candidates that the search had, its scores become grades, and those tell the lift of what the
serving model made of them. That is agreement with another model, not truth: both may like the same mistakes.
It never competes with itself: one search is looked at, and whatever comes meanwhile is let go.
"""

from __future__ import annotations

import asyncio
import statistics
from typing import TYPE_CHECKING

from proxy.evidence.lift import lift
from proxy.model import Outcome
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from proxy.model import Candidate
    from proxy.observation import Observation
    from proxy.scoring.ranker import Ranked

    # Takes a query, candidates and a deadline, which is an event-loop time; raises nothing.
    Rank = Callable[[str, Sequence[Candidate], float], Awaitable[Ranked]]

# Where all candidates are scored: half an opinion favours the rows that it began with, the store's first.
_WHOLE = frozenset((Outcome.RERANKED, Outcome.CACHED))


class Reference:
    """Looks at searches, one at a time, and says what their lift was."""

    def __init__(self, rank: Rank, *, seconds: float, found: Callable[[Observation, float], None]) -> None:
        """Take the model, how long a look may take, and who is told of lifts."""
        self._rank = rank
        self._seconds = seconds
        self._found = found
        self._tasks = Tasks()
        self._looked = self._shed = self._failed = 0

    def look(self, observation: Observation) -> None:
        """Begin to look at a search; let it go if another one is being looked at."""
        if len(self._tasks):
            self._shed += 1
        else:
            self._tasks.spawn(self._look(observation), "reference")

    def totals(self) -> dict[str, int]:
        """Count the searches looked at, those let go, and those that the model had no opinion of."""
        return {"looked": self._looked, "shed": self._shed, "failed": self._failed}

    async def close(self) -> None:
        """Give up what is looked at."""
        await self._tasks.close()

    async def _look(self, observation: Observation) -> None:
        self._looked += 1
        deadline = asyncio.get_running_loop().time() + self._seconds
        opinion = await self._rank(observation.query, observation.candidates, deadline)
        value = lift(observation, grades_of(observation.candidates, opinion))
        if value is None:
            self._failed += 1
        else:
            self._found(observation, value)


def grades_of(candidates: Sequence[Candidate], opinion: Ranked) -> dict[str, float]:
    """Return what a model's scores say of documents, by id: 1 for the best one, 0 from the median down.

    In between it is the share of the way from the median to the best score, whatever the scale is. So ties
    stay ties, one outlier at the bottom changes nothing, and what is as good as most is no find. Nothing is
    returned where the model has not scored all, or sees no difference.
    """
    if opinion.scores is None or opinion.verdict.outcome not in _WHOLE:
        return {}
    best, middle = max(opinion.scores), statistics.median(opinion.scores)
    if not best > middle:
        return {}
    grades: dict[str, float] = {}
    for place, score in zip(opinion.order, opinion.scores, strict=True):
        if score > middle:
            grades.setdefault(candidates[place].id, (score - middle) / (best - middle))
    return grades
