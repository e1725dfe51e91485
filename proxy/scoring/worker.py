"""A thread that runs a model: one call at a time, begun and ended on the event loop."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from proxy.scoring.lanes import Batch, Item, Lane, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Output_co = TypeVar("_Output_co", covariant=True)


class Model(Protocol[_Item_contra, _Output_co]):
    """A blocking model, called by the engine's threads only, by several of them at once."""

    @property
    def batch_size(self) -> int:
        """How many items it wants in one call, at most. Asked on the event loop; may change at any time."""
        ...

    def size(self, item: _Item_contra) -> int:
        """Return about how many tokens an item has. Called on the event loop."""
        ...

    def run(self, items: Sequence[_Item_contra]) -> Sequence[_Output_co]:
        """Return one output per item, in their order. Whatever it raises fails the job, not the engine."""
        ...

    def interrupt(self) -> None:
        """End calls that hang, if that can be done; called on the event loop, and returns at once."""
        ...


class Worker(Generic[Item, Output]):
    """Owns a slot: it gets a batch only after it has handed back the last one.

    `computed(worker, result)` is called on the loop with the outputs, or with what the model raised.
    """

    def __init__(
        self,
        model: Model[Item, Output],
        name: str,
        computed: Callable[[Worker[Item, Output], Sequence[Output] | BaseException], None],
    ) -> None:
        """Start the thread: a daemon, so that a hung model can't keep the process alive."""
        self._model = model
        self._computed = computed
        self._to_compute: SimpleQueue[Sequence[Item] | None] = SimpleQueue()
        self._begun = 0.0
        self._expected_end = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.batch: Batch[Item, Output] | None = None
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, args=(loop,), name=f"midrank-{name}", daemon=True).start()

    def begin(self, batch: Batch[Item, Output], expected_end: float) -> None:
        """Have a batch computed; `expected_end` is an event-loop time."""
        self.batch = batch
        self._expected_end = expected_end
        self._begun = perf_counter()
        self._to_compute.put(batch.items)

    def watch(self, timer: asyncio.TimerHandle) -> None:
        """Keep a timer that is cancelled when the call ends."""
        self._watch = timer

    def end(self) -> tuple[Batch[Item, Output], float]:
        """Be free again; return what was computed, and the seconds that the slot was taken for it."""
        batch, self.batch = self.batch, None
        assert batch is not None, "ends only what it has begun"
        if self._watch is not None:
            self._watch.cancel()
        return batch, perf_counter() - self._begun

    def serves(self, lane: Lane[Item, Output]) -> bool:
        """Say whether what is computed comes from a lane."""
        return self.batch is not None and self.batch.parts[0].lane is lane

    def left(self, now: float) -> float:
        """Return the seconds that the call under way is expected to take still."""
        return max(0.0, self._expected_end - now) if self.batch is not None else 0.0

    def dismiss(self) -> None:
        """End the thread when its call ends."""
        if self._watch is not None:
            self._watch.cancel()
        self._to_compute.put(None)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Compute until dismissed; the only code of the engine that runs in threads."""
        while (items := self._to_compute.get()) is not None:
            result: Sequence[Output] | BaseException
            try:
                result = list(self._model.run(items))
            except BaseException as error:  # noqa: BLE001 (a model may raise anything; the loop logs it)
                result = error
            try:
                loop.call_soon_threadsafe(self._computed, self, result)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return
