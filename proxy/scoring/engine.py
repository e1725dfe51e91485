"""One engine per local model: what is computed next, on which thread, and what is no longer worth computing.

All decisions are taken on the event loop, in plain code without locks; threads only run the model.
What holds:

1. A thread gets its next batch only after it has handed back the last one, so there are never more model
   calls than threads, whatever happens to those who wait for the results.
2. Work whose waiter is gone, or whose deadline has passed, is dropped before it is computed.
3. Among the live jobs the earliest deadline goes first; an idle job runs only when no live one waits.
4. Outputs come in as they are computed, the top of a job's list first; at its deadline a job gets what is
   there.
5. A model that raises costs the job at hand its result, never the thread. One that hangs keeps its thread,
   and costs the jobs only their time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from proxy.errors import Unscored
from proxy.model import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Output = TypeVar("Output")
_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Output_co = TypeVar("_Output_co", covariant=True)


class Model(Protocol[_Item_contra, _Output_co]):
    """A blocking model, called by the engine's threads only, by several of them at once."""

    def size(self, item: _Item_contra) -> int:
        """Return how long an item is, in any unit: a batch holds items of similar size."""
        ...

    def run(self, items: Sequence[_Item_contra]) -> Sequence[_Output_co]:
        """Return one output per item, in their order. Whatever it raises fails the job, not the engine."""
        ...


class Engine(Generic[Item, Output]):
    """Runs one model for many jobs. Lives on one event loop; only `close` may be called when it is gone."""

    def __init__(
        self,
        model: Model[Item, Output],
        *,
        name: str,
        threads: int = 1,
        batch_size: int = 1,
        live_limit: int = 1024,
        idle_limit: int = 1024,
    ) -> None:
        """Take the model; `live_limit` and `idle_limit` bound the items that wait."""
        self._model = model
        self._name = name
        self._batch_size = batch_size
        self._live: _Lane[Item, Output] = _Lane(live_limit)
        self._idle: _Lane[Item, Output] = _Lane(idle_limit)
        self._threads = threads
        self._free = 0
        self._to_compute: SimpleQueue[_Batch[Item, Output] | None] = SimpleQueue()
        self.refused = 0

    @property
    def waiting(self) -> int:
        """Count the items that wait to be computed."""
        return self._live.waiting + self._idle.waiting

    def start(self) -> None:
        """Start the threads; they are daemons, so that a hung model cannot keep the process alive."""
        loop = asyncio.get_running_loop()
        self._free = self._threads
        for number in range(self._threads):
            name = f"midrank-{self._name}-{number}"
            threading.Thread(target=self._work, args=(loop,), name=name, daemon=True).start()

    def close(self) -> None:
        """Let every job go with what it has, and every thread when its model call ends."""
        self._live.clear()
        self._idle.clear()
        for _ in range(self._threads):
            self._to_compute.put(None)

    async def submit(
        self,
        items: Sequence[Item],
        deadline: float = math.inf,
        *,
        idle: bool = False,
        keep: Callable[[int, Output], None] | None = None,
    ) -> list[Output | None]:
        """Return the outputs computed before the deadline, an event-loop time; None where it was not reached.

        `keep(place, output)` is called on the loop for every output the moment it comes in, even for one that
        was being computed when the deadline passed or the waiter was cancelled.

        Raises:
            Unscored: too much waits already, or the model failed on this job.
        """
        loop = asyncio.get_running_loop()
        if not items or deadline <= loop.time():
            return [None] * len(items)
        lane = self._idle if idle else self._live
        if lane.waiting + len(items) > lane.limit:
            self.refused += len(items)
            raise Unscored(Reason.OVERLOADED)
        sizes = [self._model.size(item) for item in items]
        job = _Job(items, micro_batches(sizes, self._batch_size), deadline, loop.create_future(), keep)
        timer = None if math.isinf(deadline) else loop.call_at(deadline, job.finish)
        lane.push(job)
        self._dispatch(loop.time())
        try:
            await job.done
        finally:
            if timer is not None:
                timer.cancel()
            lane.drop(job)
        return job.outputs

    def _dispatch(self, now: float) -> None:
        while self._free and (batch := self._live.next_batch(now) or self._idle.next_batch(now)):
            self._free -= 1
            self._to_compute.put(batch)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Compute batches until there are no more; the only code of the engine that runs in threads."""
        while (batch := self._to_compute.get()) is not None:
            result: Sequence[Output] | BaseException
            try:
                result = self._model.run(batch.items)
            except BaseException as error:  # noqa: BLE001 (a model may raise anything; the loop logs it)
                result = error
            try:
                loop.call_soon_threadsafe(self._computed, batch, result)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return

    def _computed(self, batch: _Batch[Item, Output], result: Sequence[Output] | BaseException) -> None:
        self._free += 1
        job = batch.job
        if isinstance(result, BaseException):
            _log.error("model call failed", extra={"model": self._name}, exc_info=result)
            job.fail(Reason.SCORER_ERROR)
        elif len(result) != len(batch.places):
            extra = {"model": self._name, "items": len(batch.places), "outputs": len(result)}
            _log.error("model gave a wrong number of outputs", extra=extra)
            job.fail(Reason.BAD_SCORES)
        else:
            job.receive(batch.places, result)
        self._dispatch(asyncio.get_running_loop().time())


def micro_batches(sizes: Sequence[int], batch_size: int) -> Iterator[tuple[int, ...]]:
    """Yield the places of each batch: similar sizes together, but the top of the list before its end.

    Sorting the whole list would pad least, but would leave a partial result scattered over the list. Sorting
    inside windows of four batches keeps the scored part a prefix, give or take a window.
    """
    window = 4 * batch_size if batch_size > 1 else 1
    for start in range(0, len(sizes), window):
        places = sorted(range(start, min(start + window, len(sizes))), key=sizes.__getitem__)
        for first in range(0, len(places), batch_size):
            yield tuple(places[first : first + batch_size])


class _Batch(NamedTuple, Generic[Item, Output]):
    """What a thread computes in one call: some items of one job, and their places in it."""

    job: _Job[Item, Output]
    places: tuple[int, ...]
    items: tuple[Item, ...]


class _Job(Generic[Item, Output]):
    """Items to compute, what has come in so far, and the future that its waiter waits for."""

    def __init__(
        self,
        items: Sequence[Item],
        batches: Iterator[tuple[int, ...]],
        deadline: float,
        done: asyncio.Future[None],
        keep: Callable[[int, Output], None] | None,
    ) -> None:
        self.items = items
        self.batches = deque(batches)
        self.deadline = deadline
        self.done = done
        self.outputs: list[Output | None] = [None] * len(items)
        self._keep = keep
        self._missing = len(items)

    def receive(self, places: tuple[int, ...], outputs: Sequence[Output]) -> None:
        for place, output in zip(places, outputs, strict=True):
            if not self.done.done():
                self.outputs[place] = output
            if self._keep is not None:
                self._keep(place, output)
        self._missing -= len(places)
        if not self._missing:
            self.finish()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: Reason) -> None:
        if not self.done.done():
            self.done.set_exception(Unscored(reason))


class _Lane(Generic[Item, Output]):
    """Jobs that wait, bounded by the number of their items.

    They are at most some hundreds, so the next one is searched for: a heap would have to keep the jobs that
    were given up until they come up, which under a hung model is never.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting = 0
        self._jobs: dict[_Job[Item, Output], None] = {}

    def push(self, job: _Job[Item, Output]) -> None:
        self.waiting += len(job.items)
        self._jobs[job] = None

    def drop(self, job: _Job[Item, Output]) -> None:
        """Forget what is left of a job."""
        self.waiting -= sum(map(len, job.batches))
        job.batches.clear()
        self._jobs.pop(job, None)

    def next_batch(self, now: float) -> _Batch[Item, Output] | None:
        """Take a batch of the job with the earliest deadline; of equal ones, of the one that came first."""
        runnable = (job for job in self._jobs if job.deadline > now and not job.done.done())
        job = min(runnable, key=lambda job: job.deadline, default=None)
        if job is None:
            return None
        places = job.batches.popleft()
        self.waiting -= len(places)
        if not job.batches:
            del self._jobs[job]
        return _Batch(job, places, tuple(job.items[place] for place in places))

    def clear(self) -> None:
        for job in tuple(self._jobs):
            job.finish()
            self.drop(job)
