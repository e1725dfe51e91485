"""A cross-encoder on ONNX Runtime: reads query and document together, and says how well they fit.

Scores are the model's raw logits: every activation on top of a single logit is monotone and would change no
order. A score depends on its query and text alone, not on what is scored beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.model import Reason
from proxy.scoring.base import Scores
from proxy.scoring.cost_model import estimated_tokens
from proxy.scoring.engine import Engine
from proxy.scoring.local_model import load
from proxy.scoring.text_graph import TextInput
from proxy.scoring.text_reader import readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import Reach, ScoreJob
    from proxy.scoring.local_model import Isolation
    from proxy.scoring.model_files import Precision
    from proxy.scoring.text_graph import TextGraph

_SPECIAL_TOKENS = 3
# Lengths in tokens at which calls are timed before the first search.
_CALIBRATION = (16, 64, 128, 256)


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of the texts is read, in tokens.

    A window holds `max_tokens` of query and text together, or fewer where time is short, but at least
    `min_tokens`. A longer text is cut, or read in up to `windows` windows, of which the best one counts.
    `per_search` bounds the tokens of all texts of a search together.
    """

    max_tokens: int = 256
    min_tokens: int = 256
    windows: int = 1
    per_search: int = 65536


class CrossEncoderOnnx:
    """A scorer; the model is a local directory or a hub id of a sequence classifier with one label."""

    pointwise = True

    def __init__(
        self,
        model: str,
        *,
        name: str,
        precision: Precision = "int8",
        reading: Reading | None = None,
        threads: int = 0,
        isolation: Isolation = "thread",
    ) -> None:
        """Take the settings; 0 threads are all usable CPUs."""
        self.name = name
        self.identity = ""
        self._load = partial(
            load, model, name=name, head="logit", precision=precision, threads=threads, isolation=isolation
        )
        self._reading = reading or Reading()
        self._engine: Engine[Pair, float] | None = None
        self._graph: TextGraph | None = None
        self.ready = False

    @property
    def engine(self) -> Engine[Pair, float] | None:
        """The engine, once started, for those who watch it."""
        return self._engine

    async def start(self) -> None:
        """Prepare the model if need be, load it, and time some pairs.

        Raises:
            BadConfig: there is no such model, or it is not a cross-encoder.
            Unscored: the model cannot score.
        """
        prepared, self._graph, threads = await self._load()
        longest = min(self._reading.max_tokens, prepared.max_tokens)
        self._reading = replace(
            self._reading, max_tokens=longest, min_tokens=min(self._reading.min_tokens, longest)
        )
        self.identity = f"{prepared.identity}-{longest}x{self._reading.windows}"
        self._engine = Engine(PairModel(self._graph), name=self.name, threads=threads)
        self._engine.start()
        await self._engine.calibrate(
            [Pair("what is this?", "text " * tokens, tokens) for tokens in _CALIBRATION if tokens <= longest]
        )
        self.ready = True

    def readable(self, text: str) -> str:
        """Return the part of a document that is looked at."""
        return readable(text, self._reading.max_tokens * self._reading.windows)

    def reach(self, job: ScoreJob) -> int:
        """Predict how many texts are scored in time, read as long or as short as is allowed."""
        assert self._engine is not None, "only a scorer that is ready is asked"
        return self._engine.reach([pair_tokens(pair) for pair in self._planned(job)], job.deadline)

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many texts of the usual length are scored in so many seconds."""
        assert self._engine is not None, "only a scorer that is ready is asked"
        return self._engine.usual_reach(seconds)

    def figures(self) -> Mapping[str, float]:
        """Return the engine's figures."""
        return self._engine.figures() if self._engine is not None else {}

    async def score(self, job: ScoreJob) -> Scores:
        """Score the texts that are reached before the deadline, from the top down.

        Raises:
            Unscored: too much waits already, or the model failed.
        """
        assert self._engine is not None, "only a scorer that is ready is asked"
        pairs = self._planned(job)
        abridged = pairs[0].max_tokens < self._reading.max_tokens
        outputs, shortened = await self._engine.submit(
            pairs,
            job.deadline,
            tenant=job.tenant,
            at_least=job.at_least,
            keep=None if abridged else job.found,
        )
        values = np.full(len(job.texts), np.nan, np.float32)
        values[: len(outputs)] = [np.nan if one is None else one for one in outputs]
        reason = Reason.TOO_LONG if None not in outputs else Reason.LATE
        return Scores(
            values, self.name, missing=Reason.OVERLOADED if shortened else reason, abridged=abridged
        )

    async def close(self) -> None:
        """Stop the threads and let the model go."""
        self.ready = False
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def _planned(self, job: ScoreJob) -> list[Pair]:
        """Return the pairs to score, as long as time allows.

        A shorter window is taken only where the least depth is out of reach: a document that is cut short
        loses more than one that is not read.
        """
        assert self._engine is not None, "only a scorer that is ready is asked"
        length = self._reading.max_tokens
        while True:
            pairs = [Pair(job.query, text, length, self._reading.windows) for text in job.texts]
            sizes = [pair_tokens(pair) for pair in pairs]
            allowed = max(1, sum(total <= self._reading.per_search for total in accumulate(sizes)))
            wanted = min(job.at_least, allowed)
            if (
                length <= self._reading.min_tokens
                or self._engine.reach(sizes[:allowed], job.deadline) >= wanted
            ):
                return pairs[:allowed]
            length = max(length // 2, self._reading.min_tokens)


class Pair(NamedTuple):
    """A query and a text, and how much of them is read: the engine's unit of work."""

    query: str
    text: str
    max_tokens: int = 256
    windows: int = 1


def pair_tokens(pair: Pair) -> int:
    """Return about how many tokens the model sees of a pair: the query takes part in every window."""
    query = estimated_tokens(pair.query, pair.max_tokens // 2) + _SPECIAL_TOKENS
    room = max(1, pair.max_tokens - query)
    text = estimated_tokens(pair.text, room * pair.windows)
    return text + query * -(-text // room)


class PairModel:
    """The graph, as the engine wants a model."""

    def __init__(self, graph: TextGraph) -> None:
        self._graph = graph

    def size(self, item: Pair) -> int:
        """Return the estimated tokens: real ones are counted later, off the event loop."""
        return pair_tokens(item)

    def run(self, items: Sequence[Pair]) -> list[float]:
        """Return the logit of each pair."""
        inputs = [TextInput(one.text, one.query, one.max_tokens, one.windows) for one in items]
        return [_best(logits) for logits in self._graph.run(inputs)]

    def interrupt(self) -> None:
        """End calls that hang, where the graph can do that."""
        self._graph.interrupt()


def _best(logits: NDArray[np.float32]) -> float:
    """Return the best window's logit."""
    if logits.ndim != 1:
        raise ValueError("the graph gives no logits")
    return float(logits.max())
