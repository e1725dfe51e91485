"""Pointwise: one call for every text, which is given a grade from 0 to 1; several calls run at once.

Grades are few, so ties are many: those keep the store's order. What is gained is that a grade holds whatever
else is in the list: it can be kept and used again, and says something by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.answers import Grade
from proxy.scoring.llm.fences import Fence, cut
from proxy.scoring.llm.methods import Judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.llm.answers import Scale
    from proxy.scoring.llm.methods import Ask, Wording


class Pointwise:
    """Grades texts one by one, on a scale."""

    pointwise = True

    def __init__(self, scale: Scale, at_once: int) -> None:
        """Take the scale, and how many texts of a job are asked about at once."""
        self.prompt = scale
        self.identity = f"pointwise-{scale}"
        self._form = Grade(scale)
        self._at_once = at_once

    def reach(self, rounds: float) -> float:
        """Return as many texts as calls."""
        return rounds * self._at_once

    async def judge(self, job: ScoreJob, wording: Wording, ask: Ask) -> Judged:
        """Grade the texts, the first ones first; what fails for one text is missing for that one alone.

        A server that takes no key, or wants to be paid, is asked no more.
        """
        query = cut(job.query, wording.max_tokens)
        values = np.full(len(job.texts), np.nan, np.float32)
        failures: list[Unscored] = []

        async def grade(place: int, text: str) -> None:
            text = cut(text, wording.max_tokens)
            fence = Fence((query, text))
            prompt = wording.prompt.filled(
                {"query": fence.query(query), "document": fence.document(text), "nonce": fence.nonce}
            )
            try:
                value = await ask(prompt, self._form, job.deadline)
            except Unscored as unscored:
                failures.append(unscored)
                return
            values[place] = value
            if job.found is not None:
                job.found(place, value)

        # Few at a time, not all that wait for a turn: so long lists and short ones take turns.
        rest = iter(enumerate(job.texts))

        async def work() -> None:
            for place, text in rest:
                await grade(place, text)
                if any(one.reason is Reason.REMOTE_DENIED for one in failures):
                    return

        async with asyncio.TaskGroup() as workers:
            for number in range(min(self._at_once, len(job.texts))):
                workers.create_task(work(), name=f"grade:{number}")
        return Judged(values, _telling(failures))


def _telling(failures: Sequence[Unscored]) -> Unscored | None:
    """Return the failure that tells most: not being let in before all others, then the commonest."""
    counts = Counter(one.reason for one in failures)
    return max(
        failures, key=lambda one: (one.reason is Reason.REMOTE_DENIED, counts[one.reason]), default=None
    )
