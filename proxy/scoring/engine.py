"""One engine per local model: what is computed next, on which thread, and what is no longer worth computing.

All decisions are taken on the event loop, in plain code without locks; threads only run the model.
What holds:

1. A thread gets its next batch only after it has handed back the last one, so there are never more model
   calls than threads, whatever happens to those who wait for the results.
2. Work whose waiter is gone, or whose deadline has passed, is dropped before it is computed.
3. Among the live jobs the earliest deadline goes first. When not all can be done in time, all are brought to
   their least depth first, and then deeper step by step; and while more is asked for than can be done,
   tenants take turns. An idle job is begun only when no engine of this machine has live work (`machine`).
4. Outputs come in as they are computed, the top of a job's list first; at its deadline a job gets what is
   there.
5. A job that can't reach its least depth in time is refused at once and costs no model time; others are cut
   to their tenant's fair share, from the end of their list (`admission`).
6. A model that raises costs the job at hand its result, never the thread. A call that hangs is given up after
   a while, and its thread replaced.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.admission import Admission, Queue, affordable
from proxy.scoring.base import Reach
from proxy.scoring.cost_model import CostModel, Shape
from proxy.scoring.lanes import Batch, Item, Job, Lane, Output
from proxy.scoring.machine import this_machine
from proxy.scoring.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.scoring.worker import Model

_log = logging.getLogger(__name__)

# A call is given up after this many times the seconds that nine calls of ten take, but not before _PATIENCE:
# a machine that was suspended is no reason to replace a thread.
_HUNG = 20.0
_PATIENCE = 5.0
# Threads that were given up and have not come back; with more of them the model counts as dead.
_MAX_LOST = 8
# As long as nothing is known, this many times the patience: a large model on a slow machine needs it.
_FIRST = 12.0
# After so many seconds without a call the costs that were learnt are not believed any more.
_STALE = 5.0
# Seconds between two lines in the log about failed calls.
_QUIET = 10.0
# Each size is computed so many times to learn what it costs.
_CALIBRATION_ROUNDS = 3

_T = TypeVar("_T")


class Outputs(NamedTuple, Generic[_T]):
    """What was computed, None where it was not; `shortened` if the load left less than was asked for."""

    values: list[_T | None]
    shortened: bool = False


class Engine(Generic[Item, Output]):
    """Runs one model for many jobs. Lives on one event loop; only `close` may be called when it is gone."""

    def __init__(
        self,
        model: Model[Item, Output],
        *,
        name: str,
        threads: int = 1,
        live_limit: int = 8192,
        idle_limit: int = 1024,
        patience: float = _PATIENCE,
    ) -> None:
        """Take the model; `live_limit` and `idle_limit` bound the items that wait."""
        self._model = model
        self._name = name
        self._live: Lane[Item, Output] = Lane(live_limit)
        self._idle: Lane[Item, Output] = Lane(idle_limit)
        self._threads = threads
        self._patience = patience
        self._machine = this_machine()
        self._closed = False
        self._workers: list[Worker[Item, Output]] = []
        self._lost: set[Worker[Item, Output]] = set()
        self._time: Callable[[], float] = asyncio.get_running_loop().time
        self.cost = CostModel(self._time)
        self._admission = Admission(threads, self._time)
        self._last_begun = 0.0
        self._failures = 0
        self._quiet_until = 0.0
        self.refused = 0  # jobs
        self.hung = 0  # calls

    @property
    def waiting(self) -> int:
        """Count the items that wait to be computed."""
        return self._live.waiting + self._idle.waiting

    def figures(self) -> dict[str, float]:
        """Return what there is to watch, by the names of `figures.MODEL_FIGURES`."""
        tokens = self.cost.usual_tokens
        cost = self.cost.cost(Shape(1, tokens))
        return {
            "load": self._admission.load,
            "waiting": self.waiting,
            "refused": self.refused,
            "hung": self.hung,
            "fixed_seconds": self.cost.line.fixed,
            "token_seconds_p50": cost.p50 / tokens,
            "token_seconds_p90": cost.p90 / tokens,
        }

    def start(self) -> None:
        """Start the threads."""
        self._machine.join(self)
        for _ in range(self._threads):
            self._hire()

    def close(self) -> None:
        """Let every job go with what it has, and every thread when its model call ends."""
        self._closed = True
        self._machine.leave(self)
        self._live.clear()
        self._idle.clear()
        for worker in self._workers:
            for part in worker.batch.parts if worker.batch is not None else ():
                part.job.finish()
            worker.dismiss()
        self._workers = []

    async def calibrate(self, samples: Sequence[Item]) -> None:
        """Compute some items of different sizes, alone and in full batches, to learn what they cost.

        Raises:
            Unscored: the model failed on one.
        """
        for sample in samples:
            for count in {1, self._model.batch_size}:
                for _ in range(_CALIBRATION_ROUNDS):
                    await self.submit([sample] * count, idle=True)

    async def submit(
        self,
        items: Sequence[Item],
        deadline: float = math.inf,
        *,
        tenant: str = "",
        at_least: int = 1,
        idle: bool = False,
        keep: Callable[[int, Output], None] | None = None,
    ) -> Outputs[Output]:
        """Return the outputs computed before the deadline, an event-loop time.

        `at_least` is how many of the first items must be reachable, else none is begun. `keep(place, output)`
        is called on the loop for every output the moment it comes in, even for one that was being computed
        when the deadline passed or the waiter was cancelled.

        Raises:
            Unscored: too much waits already, or the model failed on this job.
        """
        now = self._time()
        if not items or deadline <= now:
            return Outputs([None] * len(items))
        lane = self._idle if idle else self._live
        sizes = [self._model.size(item) for item in items]
        costs = self._costs(sizes)
        if self._closed or len(self._lost) >= _MAX_LOST:
            raise Unscored(Reason.MODEL_FAILED)
        depth = len(items)
        if not idle:
            queue = self._queue(deadline, tenant, costs, at_least)
            depth = self._admission.depth(costs, deadline - now, tenant, at_least, queue)
        if depth == 0 or lane.waiting + depth > lane.limit:
            self.refused += 1
            raise Unscored(Reason.OVERLOADED)
        loop = asyncio.get_running_loop()
        job = Job(
            items[:depth],
            sizes,
            costs[:depth],
            deadline,
            loop.create_future(),
            tenant=tenant,
            at_least=at_least,
            keep=keep,
        )
        timer = None if math.isinf(deadline) else loop.call_at(deadline, job.finish)
        lane.push(job)
        self.dispatch()
        try:
            await job.done
        finally:
            if timer is not None:
                timer.cancel()
            lane.drop(job)
        return Outputs(job.outputs + [None] * (len(items) - depth), shortened=depth < len(items))

    def reach(self, sizes: Sequence[int], deadline: float) -> int:
        """Predict how many items of these sizes, from the first on, would be computed before a deadline."""
        if not sizes or self._stale:
            return len(sizes)
        costs = self._costs(sizes)
        if costs[0] > deadline - self._time():
            return 0
        if self._all_in_time(deadline, costs):
            return len(costs)
        return affordable(costs, self._time_until(deadline) / (1 + self._live.jobs_until(deadline)))

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many items of the usual size would be computed in so many seconds from now."""
        if self._admission.usual_cost <= 0 or self._stale:
            return Reach(math.inf)
        load = self._admission.load
        time = self._time_until(self._time() + seconds) / max(1.0, load)
        return Reach(
            max(0.0, time / self._admission.usual_cost), Reason.OVERLOADED if load > 1 else Reason.LATE
        )

    @property
    def _stale(self) -> bool:
        """Whether nothing was computed lately: then nobody knows what it costs by now, and it is tried."""
        busy = any(worker.batch is not None for worker in self._workers)
        return not busy and not self._live.waiting and self._time() - self._last_begun > _STALE

    def seconds(self, sizes: Sequence[int]) -> float:
        """Predict the seconds until items of these sizes are computed, if nothing else is to do."""
        costs = self._costs(sizes)
        if not costs:
            return 0.0
        # At the end one thread is done before the others, by half an item if there are two.
        tail = sum(costs) / len(costs) * (1 - 1 / self._threads) / 2
        return max(sum(costs) / self._threads + tail, *costs)

    def _costs(self, sizes: Sequence[int]) -> list[float]:
        """Predict the seconds of items, as part of batches that are as full as these can make them."""
        size = max(1, min(self._model.batch_size, len(sizes)))
        return [self.cost.cost(Shape(size, size * tokens)).mean / size for tokens in sizes]

    def _time_until(self, deadline: float) -> float:
        """Return the seconds of model time from now to a deadline, without the calls under way."""
        return (deadline - self._time()) * self._threads - self._under_way()

    def _under_way(self) -> float:
        """Return the seconds of model time that the calls under way still take."""
        now = self._time()
        return sum(worker.left(now) for worker in self._workers)

    def _all_in_time(self, deadline: float, costs: Sequence[float]) -> bool:
        """Say whether a new job of these costs, and all that wait, would be done in time, in full."""
        begin = self._time() + self._under_way() / self._threads
        return self._live.in_time(begin, self._threads, deadline, sum(costs))

    def _queue(self, deadline: float, tenant: str, costs: Sequence[float], at_least: int) -> Queue:
        """Return what a new job of these costs finds."""
        fair = self._admission.served is not None
        before = self._live.least_before(deadline, tenant, sum(costs[:at_least]), fair=fair)
        return Queue(
            empty=not self._live.waiting,
            least_before=self._under_way() + before,
            all_in_time=self._all_in_time(deadline, costs),
        )

    @property
    def live(self) -> bool:
        """Whether there is live work, waiting or under way."""
        return not self._live.empty or any(worker.serves(self._live) for worker in self._workers)

    def dispatch(self) -> None:
        """Give batches to the threads that have none."""
        for worker in self._workers:
            if worker.batch is None:
                batch = self._next_batch()
                if batch is None:
                    return
                self._begin(worker, batch)

    def _next_batch(self) -> Batch[Item, Output] | None:
        now, size = self._time(), self._model.batch_size
        evenly = not self._live.in_time(now, self._threads)
        batch = self._live.next_batch(now, size, served=self._admission.served, evenly=evenly)
        if batch is None and not self._machine.live:
            batch = self._idle.next_batch(now, size)
        return batch

    def _begin(self, worker: Worker[Item, Output], batch: Batch[Item, Output]) -> None:
        cost = self.cost.cost(Shape(len(batch.items), batch.tokens))
        self._last_begun = self._time()
        for part in batch.parts:
            self._admission.serve(part.job.tenant, part.job.costs[part.place])
        worker.begin(batch, self._time() + cost.p50)
        patience = max(self._patience * (1.0 if cost.p90 else _FIRST), _HUNG * cost.p90)
        worker.watch(asyncio.get_running_loop().call_later(patience, self._give_up, worker))

    def _hire(self) -> None:
        self._workers.append(Worker(self._model, self._name, self._computed))

    def _give_up(self, worker: Worker[Item, Output]) -> None:
        """Replace a thread whose call hangs. It may come back some day, and ends then."""
        assert worker.batch is not None, "watched only while it has work"
        _log.error("model call hangs; its thread is replaced", extra={"model": self._name})
        for part in worker.batch.parts:
            part.job.fail(Reason.MODEL_HUNG)
        self.hung += 1
        self._workers.remove(worker)
        self._lost.add(worker)
        worker.dismiss()
        self._model.interrupt()
        self._hire()
        self.dispatch()

    def _computed(self, worker: Worker[Item, Output], result: Sequence[Output] | BaseException) -> None:
        """Take in what a thread hands back."""
        batch, seconds = worker.end()
        if worker in self._lost:
            self._lost.discard(worker)
            return
        try:
            self._hand_out(batch, result, seconds)
        finally:
            self.dispatch()
            if not self._machine.live:
                self._machine.calm()

    def _hand_out(
        self, batch: Batch[Item, Output], result: Sequence[Output] | BaseException, seconds: float
    ) -> None:
        if isinstance(result, BaseException):
            self._complain("model call failed", {}, result)
            self._failed(batch, Reason.SCORER_ERROR)
        elif len(result) != len(batch.items):
            counts = {"items": len(batch.items), "outputs": len(result)}
            self._complain("model gave a wrong number of outputs", counts)
            self._failed(batch, Reason.BAD_SCORES)
        else:
            self.cost.observe(Shape(len(batch.items), batch.tokens), seconds)
            for part, output in zip(batch.parts, result, strict=True):
                part.job.receive(part.place, output)

    def _complain(
        self, message: str, extra: Mapping[str, object], error: BaseException | None = None
    ) -> None:
        """Log a failed call, once in a while: a model that is broken fails with every search."""
        self._failures += 1
        now = self._time()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET
            extra = {"model": self._name, "failures": self._failures, **extra}
            _log.error(message, extra=extra, exc_info=error)

    def _failed(self, batch: Batch[Item, Output], reason: Reason) -> None:
        jobs = {part.job: None for part in batch.parts}
        if len(jobs) == 1:
            next(iter(jobs)).fail(reason)
            return
        # One of the items did it: each is tried again in a call of its own, so that only its own job fails.
        for part in reversed(batch.parts):
            if not part.job.done.done():
                part.job.put_back(part.place)
                part.lane.push(part.job)
