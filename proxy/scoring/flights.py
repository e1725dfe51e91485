"""Scores that are being computed: whoever wants one of them waits for it, instead of computing it again.

A flight is one run of the model. It belongs to nobody: it goes on as long as somebody waits, and ends when
the last one has left. What it finds is there for all at once: who must leave early takes along what there is.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.model import Reason
from proxy.scoring.checked import checked_scores
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from proxy.scoring.base import ModelScorer, ScoreJob

# Seconds after its deadline that a flight is waited for: those who hand over at the deadline are in time.
_GRACE = 0.002
# Urgent work does not join a flight that has far more time: it goes before that. But in a rush the deadlines
# of the same search differ by what each has waited, and a second run would only make the rush worse.
_LATER = 0.25
# Why there may be no scores though nothing is broken.
_PRESSED = frozenset((Reason.LATE, Reason.OVERLOADED))
# Who failed with as much time as this job has, give or take so many seconds, would fail again.
_ALIKE = 0.02


class Gathered(NamedTuple):
    """Scores by key, why others are missing, and whether texts were abridged.

    `failed` tells that a run has failed, and not for want of time.
    """

    scores: dict[bytes, float]
    missing: Reason = Reason.LATE
    abridged: bool = False
    failed: bool = False


@dataclass(eq=False, slots=True)
class _Flight:
    """A run of the model for some keys, and what it has found so far."""

    keys: tuple[bytes, ...]
    deadline: float
    scores: dict[bytes, float] = field(default_factory=dict)
    failed: Reason | None = None
    missing: Reason = Reason.LATE
    abridged: bool = False
    landed: bool = False
    waiting: int = 0
    task: asyncio.Task[None] | None = None


class Flights:
    """The runs of one model. `keep` is given every score that holds at other times too."""

    def __init__(self, scorer: ModelScorer, keep: Callable[[Mapping[bytes, float]], None]) -> None:
        self._scorer = scorer
        self._keep = keep
        self._by_key: dict[bytes, _Flight] = {}
        self._tasks = Tasks()
        self.shared = 0  # texts that were waited for, as another search had them computed already

    async def gather(self, job: ScoreJob, keys: Sequence[bytes]) -> Gathered:
        """Return the scores of the job's texts, by their `keys`, that are there before its deadline.

        Raises nothing but the caller's own cancellation.
        """
        texts = dict(zip(keys, job.texts, strict=True))
        gathered = Gathered({})
        given_up: set[bytes] = set()
        boarded: list[_Flight] = []
        try:
            while wanted := [key for key in texts if key not in gathered.scores and key not in given_up]:
                if _time() >= job.deadline:
                    break
                flights = self._joined(wanted, job.deadline)
                taken = {key for flight in flights for key in flight.keys}
                alone = [key for key in wanted if key not in taken]
                self.shared += len(wanted) - len(alone)
                if alone:
                    flights.append(self._begin(alone, replace(job, texts=tuple(texts[key] for key in alone))))
                    given_up.update(alone)  # once is enough: it had all the time there was
                for flight in flights:
                    flight.waiting += 1
                boarded += flights
                await _landed(flights, job.deadline + _GRACE)
                gathered = _taken(gathered, flights, texts)
                for flight in flights:
                    if self._is_final(flight, texts, job.deadline):
                        given_up.update(flight.keys)
        finally:
            for flight in boarded:
                flight.waiting -= 1
                if not flight.waiting and flight.task is not None:
                    flight.task.cancel()
        return gathered

    async def close(self) -> None:
        """Give up on the runs that are under way."""
        await self._tasks.close()

    def _joined(self, keys: Iterable[bytes], deadline: float) -> list[_Flight]:
        """Return the flights under way that compute some of the keys, and early enough."""
        flights = dict.fromkeys(self._by_key[key] for key in keys if key in self._by_key)
        latest = deadline + max(_LATER, deadline - _time())
        return [flight for flight in flights if flight.deadline <= latest]

    def _is_final(self, flight: _Flight, texts: Container[bytes], deadline: float) -> bool:
        """Say whether what a flight did not find would not be found by another one either."""
        # A part of a list would be another list.
        if not self._scorer.pointwise:
            return True
        if flight.failed is None or flight.deadline < deadline - _ALIKE:
            return False
        # A text that is not ours may have been what it failed on.
        return flight.failed in _PRESSED or all(key in texts for key in flight.keys)

    def _begin(self, keys: Sequence[bytes], job: ScoreJob) -> _Flight:
        flight = _Flight(tuple(keys), job.deadline)
        for key in keys:
            self._by_key[key] = flight

        def found(place: int, score: float) -> None:
            if not math.isfinite(score):
                return
            flight.scores[flight.keys[place]] = score
            if flight.landed and self._scorer.pointwise:
                # Computed too late for those who waited, but not in vain.
                self._keep({flight.keys[place]: score})

        # `known` is about the job that this is a part of.
        part = replace(job, found=found, known=None)
        flight.task = self._tasks.spawn(self._fly(flight, part), f"score:{self._scorer.name}")
        return flight

    async def _fly(self, flight: _Flight, job: ScoreJob) -> None:
        try:
            outcome = await checked_scores(self._scorer, job)
            if isinstance(outcome, Reason):
                flight.failed = outcome
            else:
                flight.missing, flight.abridged = outcome.missing, outcome.abridged
                for key, value in zip(flight.keys, outcome.values, strict=True):
                    if not np.isnan(value):
                        flight.scores[key] = float(value)
        finally:
            flight.landed = True
            for key in flight.keys:
                if self._by_key.get(key) is flight:
                    del self._by_key[key]
            # The scores of a list hold for the whole of it.
            whole = self._scorer.pointwise or len(flight.scores) == len(flight.keys)
            if flight.scores and whole and not flight.abridged:
                self._keep(flight.scores)


def _taken(so_far: Gathered, flights: Sequence[_Flight], wanted: Iterable[bytes]) -> Gathered:
    """Return what has been gathered, with what some flights have found."""
    scores = dict(so_far.scores)
    for flight in flights:
        for key in flight.keys:
            if key in flight.scores and key in wanted:
                scores[key] = flight.scores[key]
    last = flights[-1]
    return Gathered(
        scores,
        last.failed or last.missing,
        so_far.abridged or any(flight.abridged for flight in flights),
        so_far.failed or any(flight.failed not in {None, *_PRESSED} for flight in flights),
    )


async def _landed(flights: Iterable[_Flight], until: float) -> None:
    tasks = {flight.task for flight in flights if flight.task is not None}
    await asyncio.wait(tasks, timeout=max(0.0, until - _time()))


def _time() -> float:
    return asyncio.get_running_loop().time()
