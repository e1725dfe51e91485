"""What waits for a model: jobs in lanes, and the batches that are taken out of them.

Plain code without threads or clocks: the engine calls it on the event loop, with the time it is.
"""

from __future__ import annotations

import math
from heapq import nsmallest
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from proxy.errors import Unscored

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from proxy.model import Reason

Item = TypeVar("Item")
Output = TypeVar("Output")

# A batch of several texts is chosen among this many times as many: those that are most alike in size.
_CHOICE = 4


class Part(NamedTuple, Generic[Item, Output]):
    """One item of a job, by its place in it, and the lane that it waited in."""

    job: Job[Item, Output]
    place: int
    lane: Lane[Item, Output]


class Batch(NamedTuple, Generic[Item, Output]):
    """What is computed in one call."""

    parts: tuple[Part[Item, Output], ...]
    items: tuple[Item, ...]
    tokens: int


class Job(Generic[Item, Output]):
    """Items to compute, what has come in so far, and the future that its waiter waits for."""

    def __init__(
        self,
        items: Sequence[Item],
        sizes: Sequence[int],
        costs: Sequence[float],
        deadline: float,
        done: asyncio.Future[None],
        *,
        tenant: str = "",
        at_least: int = 1,
        keep: Callable[[int, Output], None] | None = None,
    ) -> None:
        """Take the items with their sizes in tokens and their costs in seconds."""
        self.tenant = tenant
        self.at_least = max(1, at_least)
        self.items = items
        self.sizes = sizes
        self.costs = costs
        self.deadline = deadline
        self.done = done
        self.outputs: list[Output | None] = [None] * len(items)
        self.alone = False
        # A dict is a queue from which any place can be taken.
        self.pending = dict.fromkeys(range(len(items)))
        self.work = sum(costs)
        self._keep = keep
        self._missing = len(items)

    @property
    def level(self) -> int:
        """How many times its least depth the job has got so far."""
        return (len(self.items) - len(self.pending)) // self.at_least

    @property
    def next_cost(self) -> float:
        """The seconds that its next item takes."""
        return self.costs[next(iter(self.pending))]

    @property
    def least_work(self) -> float:
        """The seconds until the job has its least depth."""
        begun = len(self.items) - len(self.pending)
        return sum(self.costs[begun : self.at_least])

    def take(self, place: int) -> None:
        """Have an item computed: it waits no longer."""
        del self.pending[place]
        self.work -= self.costs[place]

    def put_back(self, place: int) -> None:
        """Have an item wait again, at the front, to be computed in a call of its own."""
        self.alone = True
        self.pending = {place: None} | self.pending
        self.work += self.costs[place]

    def receive(self, place: int, output: Output) -> None:
        """Take in an output; it is kept even if nobody waits for it any more."""
        if not self.done.done():
            self.outputs[place] = output
        if self._keep is not None:
            self._keep(place, output)
        self._missing -= 1
        if not self._missing:
            self.finish()

    def finish(self) -> None:
        """Let the waiter have what is there."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: Reason) -> None:
        """Tell the waiter that there is nothing to have, and why."""
        if not self.done.done():
            self.done.set_exception(Unscored(reason))


class Lane(Generic[Item, Output]):
    """Jobs that wait, bounded by the number of their items.

    They are at most some hundreds, so the next one is searched for: a heap would have to keep the jobs that
    were given up until they come up, which under a hung model is never.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._jobs: dict[Job[Item, Output], None] = {}

    @property
    def empty(self) -> bool:
        """Whether no job waits."""
        return not self._jobs

    @property
    def waiting(self) -> int:
        """Count the items that wait."""
        return sum(len(job.pending) for job in self._jobs)

    def push(self, job: Job[Item, Output]) -> None:
        """Add a job; one that is there already keeps its place."""
        self._jobs[job] = None

    def drop(self, job: Job[Item, Output]) -> None:
        """Forget what is left of a job."""
        job.pending.clear()
        job.work = 0.0
        self._jobs.pop(job, None)

    def jobs_until(self, deadline: float) -> int:
        """Count the jobs that are due by then."""
        return sum(job.deadline <= deadline for job in self._jobs)

    def in_time(self, now: float, threads: int, deadline: float = math.inf, work: float = 0.0) -> bool:
        """Say whether all that waits would be done in time, and a job of so much work and this deadline too.

        The earliest deadline first: if that is too late for one, every other order is for some.
        """
        jobs = sorted([(job.deadline, job.work) for job in self._jobs] + [(deadline, work)])
        for due, seconds in jobs:
            now += seconds / threads
            if now > due:
                return False
        return True

    def least_before(self, deadline: float, tenant: str, work: float, *, fair: bool) -> float:
        """Return the seconds of work that go before the last of `work` seconds of a new job, at the least.

        By deadlines, that is all that is due earlier, to its least depth. By turns, another tenant gets as
        much as this one while it has anything to do.
        """
        earlier: dict[str, float] = {}
        for job in self._jobs:
            if job.deadline <= deadline or (fair and job.tenant != tenant):
                earlier[job.tenant] = earlier.get(job.tenant, 0.0) + job.least_work
        if not fair:
            return sum(earlier.values())
        own = earlier.pop(tenant, 0.0)
        return own + sum(min(other, own + work) for other in earlier.values())

    def next_batch(
        self,
        now: float,
        size: int,
        *,
        served: Mapping[str, float] | None = None,
        evenly: bool = False,
    ) -> Batch[Item, Output] | None:
        """Take up to `size` items: the first one of the job with the earliest deadline, and those like it.

        They come from the jobs with the earliest deadlines, from near the top of their lists. Of equal
        deadlines the job that came first counts as the earlier one. With `served`, the seconds that each
        tenant has had, the tenant with the least of it goes first; `evenly`, the job that has got least.

        There are no more items than are done before the deadline of the first: at that moment a batch that
        is still computed is worth nothing.
        """
        jobs = [job for job in self._jobs if job.pending and job.deadline > now and not job.done.done()]
        if not jobs:
            return None
        # An item that would be late is computed only if there is nothing else to do.
        jobs = [job for job in jobs if now + job.next_cost <= job.deadline] or jobs
        if served is not None:
            tenant = min(jobs, key=lambda job: served.get(job.tenant, 0.0)).tenant
            jobs = [job for job in jobs if job.tenant == tenant]
        if evenly:
            level = min(job.level for job in jobs)
            jobs = [job for job in jobs if job.level == level]
        first = min(jobs, key=_deadline)
        parts = [Part(first, next(iter(first.pending)), self)]
        if size > 1 and not first.alone:
            parts = _in_time([*parts, *self._alike(first, jobs, size)], first.deadline - now)
        for part in parts:
            part.job.take(part.place)
            if not part.job.pending:
                self._jobs.pop(part.job, None)
        return Batch(
            tuple(parts),
            tuple(part.job.items[part.place] for part in parts),
            sum(part.job.sizes[part.place] for part in parts),
        )

    def clear(self) -> None:
        """Let every job go with what it has."""
        for job in tuple(self._jobs):
            job.finish()
            self.drop(job)

    def _alike(
        self, first: Job[Item, Output], jobs: Sequence[Job[Item, Output]], size: int
    ) -> list[Part[Item, Output]]:
        """Return up to `size - 1` more items for a batch that begins with the first item of `first`."""
        place = next(iter(first.pending))
        choice = [Part(first, other, self) for other in islice(first.pending, 1, _CHOICE * size)]
        for job in nsmallest(size, jobs, key=_deadline):
            if len(choice) >= _CHOICE * size:
                break
            if job is not first and not job.alone:
                others = islice(job.pending, _CHOICE * size - len(choice))
                choice += [Part(job, other, self) for other in others]
        wanted = first.sizes[place]
        return nsmallest(size - 1, choice, key=lambda part: abs(part.job.sizes[part.place] - wanted))


def _deadline(job: Job[Item, Output]) -> float:
    return job.deadline


def _in_time(parts: list[Part[Item, Output]], seconds: float) -> list[Part[Item, Output]]:
    """Return the first parts that are done together in so many seconds; one in any case."""
    costs = accumulate(part.job.costs[part.place] for part in parts)
    return parts[: max(1, sum(cost <= seconds for cost in costs))]
