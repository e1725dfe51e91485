"""Sentence vectors of queries that come as text alone, by the built-in model, for the index of near queries.

all-MiniLM-L6-v2 as sentence-transformers runs it: the mean of the token vectors, with a length of 1. They are
the model's own, and can only be compared with each other: not with the vectors of an app, even if they are as
long.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from proxy.errors import Unscored
from proxy.scoring.cost_model import estimated_tokens
from proxy.scoring.engine import Engine
from proxy.scoring.local_model import load
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.sketch import unit
from proxy.scoring.text_graph import TextInput
from proxy.scoring.text_reader import readable
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.scoring.model_files import Precision
    from proxy.scoring.text_graph import TextGraph

# What sentence-transformers reads with this model. Questions are far below it.
_MAX_TOKENS = 256
# Vectors that are remembered: some megabytes with their texts.
_REMEMBERED = 2048
# Texts that wait at most, a tenth of a second's work: who comes then does without.
_WAITING = 32
# Seconds that a text may take in all. Whoever asks waits as long as he may; what comes later is remembered.
_PATIENCE = 1.0
# Lengths in tokens at which calls are timed before the first text.
_CALIBRATION = (8, 32, 128)


class QueryEmbedder:
    """A model with one thread of its own. Lives on one event loop."""

    def __init__(
        self,
        model: str = BUILT_IN_MODEL,
        *,
        name: str = "query-embedder",
        precision: Precision = "int8",
        remembered: int = _REMEMBERED,
    ) -> None:
        """Take the settings; the last `remembered` texts need not be embedded again."""
        self._name = name
        self._load = partial(load, model, name=name, head="tokens", precision=precision, threads=1)
        self._remembered = remembered
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[NDArray[np.float32] | None]] = {}
        self._engine: Engine[str, NDArray[np.float32] | None] | None = None
        self._graph: TextGraph | None = None
        self._tasks = Tasks()
        self._embedded = 0
        self._missed = 0

    async def start(self) -> None:
        """Prepare the model if need be, load it, and time some texts.

        Raises:
            BadConfig: there is no such model, or it has no embeddings.
            Unscored: the model cannot embed.
        """
        _, self._graph, threads = await self._load()
        engine = Engine(SentenceModel(self._graph), name=self._name, threads=threads, live_limit=_WAITING)
        self._engine = engine
        engine.start()
        await engine.calibrate(["text " * tokens for tokens in _CALIBRATION])

    async def embed(self, text: str, deadline: float) -> NDArray[np.float32] | None:
        """Return a text's unit vector, float32, shape (dims,), read-only.

        None if it is not there by the deadline, an event-loop time, or if there is too much to do, or no
        model. The same text is embedded once, however many ask for it at a time. Never raises.
        """
        text = readable(text, _MAX_TOKENS)
        if (vector := self._vectors.get(text)) is not None:
            self._vectors.move_to_end(text)
            return vector
        task = self._under_way.get(text) or self._begin(text, deadline)
        if task is not None:
            left = deadline - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait({task}, timeout=max(0.0, left))
            vector = task.result() if done and not task.cancelled() else None
        self._missed += vector is None
        return vector

    def figures(self) -> Mapping[str, float]:
        """Return the engine's figures, and the texts that were embedded, and missed, since the start."""
        if self._engine is None:
            return {}
        return self._engine.figures() | {"embedded": self._embedded, "missed": self._missed}

    async def close(self) -> None:
        """Stop the thread and let the model go; who still waits gets nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        await self._tasks.close()
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def _begin(self, text: str, deadline: float) -> asyncio.Task[NDArray[np.float32] | None] | None:
        """Have a text embedded, unless that can't be done in time or at all."""
        if self._engine is None or not self._engine.reach([_tokens(text)], deadline):
            return None
        task = self._tasks.spawn(self._embed(self._engine, text), f"embed:{self._name}")
        self._under_way[text] = task
        task.add_done_callback(lambda _: self._under_way.pop(text))
        return task

    async def _embed(
        self, engine: Engine[str, NDArray[np.float32] | None], text: str
    ) -> NDArray[np.float32] | None:
        try:
            ((vector,), _) = await engine.submit([text], asyncio.get_running_loop().time() + _PATIENCE)
        except Unscored:
            return None
        if vector is not None:
            vector.setflags(write=False)
            self._embedded += 1
            self._vectors[text] = vector
            if len(self._vectors) > self._remembered:
                self._vectors.popitem(last=False)
        return vector


class SentenceModel:
    """The graph, and the mean of its token vectors."""

    def __init__(self, graph: TextGraph) -> None:
        self._graph = graph

    @property
    def batch_size(self) -> int:
        """What the graph takes in one call."""
        return self._graph.batch_size

    def size(self, item: str) -> int:
        """Return the estimated tokens."""
        return _tokens(item)

    def run(self, items: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """Return the unit vector of each text, in the engine's thread; None if a text has none."""
        arrays = self._graph.run([TextInput(item, max_tokens=_MAX_TOKENS) for item in items])
        return [unit(vectors.mean(axis=0)) for vectors in arrays]

    def interrupt(self) -> None:
        """End calls that hang, where the graph can do that."""
        self._graph.interrupt()


def _tokens(text: str) -> int:
    return estimated_tokens(text, _MAX_TOKENS)
