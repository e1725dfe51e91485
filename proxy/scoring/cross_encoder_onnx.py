"""A cross-encoder on ONNX Runtime: reads query and document together, and says how well they fit.

Scores are the model's raw logits: every activation on top of a single logit is monotone and would change no
order. A score depends on its query and text alone, not on what is scored beside it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.errors import BadConfig, Mistake
from proxy.scoring.base import Scores
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.engine import Engine
from proxy.scoring.prepared_model import prepare_apart
from proxy.scoring.text_graph import LocalTextGraph, TextInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.model_files import Precision
    from proxy.scoring.prepared_model import PreparedModel


class CrossEncoderOnnx:
    """A scorer; the model is a local directory or a hub id of a sequence classifier with one label."""

    pointwise = True

    def __init__(
        self,
        model: str,
        *,
        name: str,
        precision: Precision = "int8",
        max_tokens: int = 256,
        threads: int = 0,
    ) -> None:
        """Take the settings; `max_tokens` is for query and text together, 0 threads are all usable CPUs."""
        self.name = name
        self._model = model
        self._precision: Precision = precision
        self._max_tokens = max_tokens
        self._threads = threads
        self._engine: Engine[Pair, float] | None = None
        self.ready = False

    async def start(self) -> None:
        """Prepare the model if need be, load it, and score one pair.

        Raises:
            BadConfig: there is no such model, or it is not a cross-encoder.
            Unscored: the model cannot score.
        """
        key = f"models.{self.name}.model"
        prepared = await prepare_apart(self._model, precision=self._precision, key=key)
        if prepared.head != "logit":
            allowed = "a sequence-classification model with one label"
            raise BadConfig((Mistake(self._model, key, "not a cross-encoder", allowed),))
        model = await asyncio.to_thread(PairModel, prepared, self._max_tokens)
        threads = self._threads or await asyncio.to_thread(usable_cpus)
        self._engine = Engine(model, name=self.name, threads=threads)
        self._engine.start()
        await self._engine.submit([Pair("what is this?", "A first text, to be sure that the model works.")])
        self.ready = True

    async def score(self, job: ScoreJob) -> Scores:
        """Score the texts that are reached before the deadline, from the top down.

        Raises:
            Unscored: too much waits already, or the model failed.
        """
        assert self._engine is not None, "only a scorer that is ready is asked"
        pairs = [Pair(job.query, text) for text in job.texts]
        outputs = await self._engine.submit(pairs, job.deadline)
        values = np.array([np.nan if one is None else one for one in outputs], dtype=np.float32)
        return Scores(values, self.name)

    async def close(self) -> None:
        """Stop the threads and let the model go."""
        self.ready = False
        if self._engine is not None:
            self._engine.close()
            self._engine = None


class Pair(NamedTuple):
    """A query and a text, the engine's unit of work."""

    query: str
    text: str


class PairModel:
    """The tokenizer and the graph, as the engine wants a model."""

    def __init__(self, prepared: PreparedModel, max_tokens: int) -> None:
        """Load both. `max_tokens` is cut to what the model has positions for."""
        self._graph = LocalTextGraph(prepared)
        self._max_tokens = min(max_tokens, prepared.max_tokens)

    def size(self, item: Pair) -> int:
        """Return the length in characters: tokens are counted later, off the event loop."""
        return len(item.query) + len(item.text)

    def run(self, items: Sequence[Pair]) -> list[float]:
        """Return the logit of each pair."""
        inputs = [TextInput(item.text, item.query, self._max_tokens) for item in items]
        return [_best(logits) for logits in self._graph.run(inputs)]


def _best(logits: NDArray[np.float32]) -> float:
    """Return the best window's logit."""
    if logits.ndim != 1:
        raise ValueError("the graph gives no logits")
    return float(logits.max())
