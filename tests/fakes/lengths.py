"""A model whose scores anybody can tell, that shows what it was asked and waits where a test wants it to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, ScoreJob, Scores


@dataclass
class Lengths:
    """Scores a text by its length, as long as it is open; keeps the jobs it was given."""

    name: str = "lengths"
    identity: str = "lengths-1"
    pointwise: bool = True
    ready: bool = True
    reads: int = 1000
    abridged: bool = False
    tells: bool = True
    failure: Reason | None = None
    jobs: list[ScoreJob] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def start(self) -> None: ...

    def readable(self, text: str) -> str:
        return text

    def reach(self, job: ScoreJob) -> int:
        return min(self.reads, len(job.texts))

    def usual_reach(self, seconds: float) -> Reach:
        return Reach(self.reads)

    def figures(self) -> dict[str, float]:
        return {"load": 1.0}

    async def score(self, job: ScoreJob) -> Scores:
        self.jobs.append(job)
        try:
            if job.found is not None and self.tells and not self.abridged:
                job.found(0, float(len(job.texts[0])))
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise Unscored(self.failure)
        values = np.array([len(text) for text in job.texts], np.float32)
        values[self.reads :] = np.nan
        return Scores(values, self.name, abridged=self.abridged, missing=Reason.OVERLOADED)

    async def close(self) -> None: ...
