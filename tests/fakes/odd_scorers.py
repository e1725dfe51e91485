"""Scorers without a model: some useful, some broken in every way the scorer seam allows.

`TermOverlap` and `Reversing` give known rankings. The others misbehave, one fault each, and all of them must
end in the store's own order inside the budget. `FAULTY` lists those, for suites that walk over every fault.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, ScoreJob, Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from proxy.scoring.base import Scorer

_WORD = re.compile(r"\w+")


@dataclass
class FormulaScorer:
    """Scores by a formula of the job, at once; keeps the jobs it was given. The others build on it."""

    name: str = "formula"
    pointwise: bool = False
    ready: bool = False
    identity: str = ""  # nothing is kept of what it says
    jobs: list[ScoreJob] = field(default_factory=list, repr=False)

    async def start(self) -> None:
        self.ready = True

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        return job

    def readable(self, text: str) -> str:
        return text

    def reach(self, job: ScoreJob) -> int:
        return len(job.texts)

    def usual_reach(self, seconds: float) -> Reach:
        return Reach(math.inf)

    def figures(self) -> dict[str, float]:
        return {}

    async def score(self, job: ScoreJob) -> Scores:
        self.jobs.append(job)
        return Scores(self.formula(job), scorer=self.name)

    async def close(self) -> None:
        self.ready = False

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        """Give one number per text; here: all alike, so that the store's order stays."""
        return np.zeros(len(job.texts), dtype=np.float32)


@dataclass
class Reversing(FormulaScorer):
    """Ranks the store's last candidate first: a text's score is its place in the store's order."""

    name: str = "reversing"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        return np.arange(len(job.texts), dtype=np.float32)


@dataclass
class ShortSighted(FormulaScorer):
    """Says that it will reach `sees` texts, and scores all."""

    name: str = "short_sighted"
    sees: int = 1

    def reach(self, job: ScoreJob) -> int:
        return min(self.sees, len(job.texts))

    def usual_reach(self, seconds: float) -> Reach:
        return Reach(self.sees)


@dataclass
class TermOverlap(FormulaScorer):
    """Scores a text by how many of the query's words it holds: the smallest reranker that reads the query."""

    name: str = "term_overlap"
    pointwise: bool = True

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        return np.array([overlap(job.query, text) for text in job.texts], dtype=np.float32)


def overlap(query: str, text: str) -> int:
    """Count the distinct words of the query that the text holds, ignoring case."""
    return len(set(_WORD.findall(query.lower())) & set(_WORD.findall(text.lower())))


@dataclass
class Halfway(TermOverlap):
    """Scores the first half of the texts and runs out of time for the rest (NaN): a partial ranking."""

    name: str = "halfway"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        values = super().formula(job)
        values[len(values) // 2 :] = np.nan
        return values


@dataclass
class Hanging(FormulaScorer):
    """Never answers and swallows its cancellation, as a thread stuck in native code would.

    `release` lets the stuck calls go; `close` does that too, so that a test's event loop can end.
    """

    name: str = "hanging"
    released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def score(self, job: ScoreJob) -> Scores:
        self.jobs.append(job)
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue
        return Scores(self.formula(job), scorer=self.name)

    async def close(self) -> None:
        self.released.set()


@dataclass
class Crashing(FormulaScorer):
    """Raises what no contract promised."""

    name: str = "crashing"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        raise ZeroDivisionError("the model fell over")


@dataclass
class Refusing(FormulaScorer):
    """Raises what the contract does promise: `Unscored`, with a reason."""

    name: str = "refusing"
    reason: Reason = Reason.OVERLOADED

    async def score(self, job: ScoreJob) -> Scores:
        raise Unscored(self.reason)


@dataclass
class AllNaN(FormulaScorer):
    """Reaches no text at all."""

    name: str = "all_nan"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        return np.full(len(job.texts), np.nan, dtype=np.float32)


@dataclass
class Infinite(FormulaScorer):
    """Overflows: every second score is plus or minus infinity."""

    name: str = "infinite"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        values = np.arange(len(job.texts), dtype=np.float32)
        values[::4] = np.inf
        values[2::4] = -np.inf
        return values


@dataclass
class WrongLength(FormulaScorer):
    """Gives `surplus` numbers more than there are texts; fewer where it is negative."""

    name: str = "wrong_length"
    surplus: int = -1

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        return np.arange(max(0, len(job.texts) + self.surplus), dtype=np.float32)


@dataclass
class WrongShape(FormulaScorer):
    """Gives a matrix where a vector belongs."""

    name: str = "wrong_shape"

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        return np.zeros((len(job.texts), 2), dtype=np.float32)


@dataclass
class NeverReady(FormulaScorer):
    """Loads for ever: `start` does not return before it is cancelled."""

    name: str = "never_ready"

    async def start(self) -> None:
        await asyncio.Event().wait()


@dataclass
class DiesAfter(FormulaScorer):
    """Works like `inner` for `calls` calls; from then on every call raises."""

    name: str = "dies_after"
    inner: FormulaScorer = field(default_factory=TermOverlap)
    calls: int = 10
    pointwise: bool = True

    @property
    def dead(self) -> bool:
        """Say whether the last working call is over."""
        return len(self.jobs) >= self.calls

    def formula(self, job: ScoreJob) -> NDArray[np.float32]:
        if len(self.jobs) > self.calls:
            raise ConnectionResetError("the scoring process is gone")
        return self.inner.formula(job)


FAULTY: tuple[Callable[[], Scorer], ...] = (
    Hanging,
    Crashing,
    Refusing,
    AllNaN,
    Infinite,
    WrongLength,
    lambda: WrongLength(name="too_many", surplus=3),
    WrongShape,
    NeverReady,
)
