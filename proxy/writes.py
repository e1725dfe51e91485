"""Documents that a store has taken: read out of passing writes, and told to the scorers that want them.

A write is looked at only once the store has accepted it, about a millisecond at a time with live searches in
between, and whatever goes wrong here is counted and nothing else: the app has had its answer.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from proxy.errors import Undecodable
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proxy.codecs.base import Codec
    from proxy.model import WireRequest
    from proxy.names import CollectionNames
    from proxy.scoring.warm_up import Learner

# Writes that are read at once, each of them held in memory; one comes in seldom before the last one is read.
_AT_ONCE = 4
# Between two looks at the event loop: seconds of reading, and texts, which take their time to learn.
_STEP_SECONDS = 0.001
_STEP_TEXTS = 16

# What became of a write: read to its end; cut, as nobody had room for the rest; dropped, as too many came at
# once or its collection has no name; not understood, or not to its end.
WriteFate = Literal["read", "cut", "dropped", "undecodable"]

_log = logging.getLogger(__name__)


class Writes:
    """The writes to one store. `learners` tells who wants the documents of a collection, by its name."""

    def __init__(
        self,
        codec: Codec,
        names: CollectionNames,
        learners: Callable[[str], Sequence[Learner]],
        count: Callable[[WriteFate], None],
    ) -> None:
        self._codec = codec
        self._names = names
        self._learners = learners
        self._tasks = Tasks()
        self._count = count

    def wanted(self, method: str, target: str) -> bool:
        """Say whether a passing request is a write that somebody could learn from. Cheap."""
        collection = self._codec.writes(method, target)
        if collection is None:
            return False
        # Without the name it can't be told which rule holds; it is asked for when the write has been taken.
        return not self._names.knows(collection) or bool(self._eager(collection))

    def add(self, request: WireRequest) -> None:
        """Read a write that the store has taken, soon; never raises."""
        if len(self._tasks) < _AT_ONCE:
            self._tasks.spawn(self._read(request), "read write")
        else:
            self._count("dropped")

    async def close(self) -> None:
        """Forget the writes that are being read."""
        await self._tasks.close()

    async def _read(self, request: WireRequest) -> None:
        collection = self._codec.writes(request.method, request.target)
        if collection is None:
            return
        if not self._names.knows(collection):
            await self._names.find(request, collection)
        if not self._names.knows(collection):
            self._count("dropped")
            return
        # The fields that hold the text depend on the name, too: nothing is read before it is known.
        try:
            whole = await self._teach(collection, self._codec.decode_write(request))
        except Undecodable as error:
            _log.info("write not understood", extra={"why": str(error)})
            self._count("undecodable")
        else:
            self._count("read" if whole else "cut")

    async def _teach(self, collection: str, texts: Iterator[str | None]) -> bool:
        """Tell a collection's learners the texts of a write; return whether they wanted all of it."""
        ended = False
        while not ended:
            learners = self._eager(collection)
            if not learners:
                return False
            some, ended = _read_on(texts)
            for learner in learners:
                learner.learn(some)
            await asyncio.sleep(0)
        return True

    def _eager(self, collection: str) -> list[Learner]:
        return [one for one in self._learners(self._names.name(collection)) if one.eager]


def _read_on(texts: Iterator[str | None]) -> tuple[list[str], bool]:
    """Return the texts of one step, and whether there are no more."""
    until = perf_counter() + _STEP_SECONDS
    found: list[str] = []
    for text in texts:
        if text is not None:
            found.append(text)
        if len(found) == _STEP_TEXTS or perf_counter() >= until:
            return found, False
    return found, True
