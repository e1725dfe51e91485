"""A cross-encoder as a scorer: reads query and document together, and says how well they fit.

Scores are the model's raw logits: every activation on top of a single logit is monotone and would change no
order. A score depends on its query and text alone, not on what is scored beside it. What runs the model is
the business of whoever loads it: ONNX Runtime (`cross_encoder_onnx`) or torch (`cross_encoder_torch`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Scores
from proxy.scoring.engine import Engine
from proxy.scoring.text_pairs import Pair, PairModel, pair_tokens
from proxy.scoring.text_reader import readable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxy.scoring.base import Reach, ScoreJob
    from proxy.scoring.text_graph import TextGraph

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


class LoadedModel(NamedTuple):
    """A cross-encoder that is ready to run, on so many threads; it has positions for `max_tokens`."""

    graph: TextGraph
    identity: str
    max_tokens: int
    threads: int


class CrossEncoder:
    """A scorer over whatever `load` returns."""

    pointwise = True

    def __init__(
        self, load: Callable[[], Awaitable[LoadedModel]], *, name: str, reading: Reading | None = None
    ) -> None:
        """Keep what loads the model; it is called by `start`."""
        self.name = name
        self.identity = ""
        self._load = load
        self._reading = reading or Reading()
        self._engine: Engine[Pair, float] | None = None
        self._graph: TextGraph | None = None
        self.ready = False

    @property
    def engine(self) -> Engine[Pair, float] | None:
        """The engine, once started, for those who watch it."""
        return self._engine

    async def start(self) -> None:
        """Load the model, and time some pairs.

        Raises:
            BadConfig: there is no such model, or it is not a cross-encoder.
            Unscored: the model cannot score.
        """
        self._graph, identity, most, threads = await self._load()
        longest = min(self._reading.max_tokens, most)
        self._reading = replace(
            self._reading, max_tokens=longest, min_tokens=min(self._reading.min_tokens, longest)
        )
        self.identity = f"{identity}-{longest}x{self._reading.windows}"
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

        A logit that is no finite number is no score, and costs the other texts nothing.

        Raises:
            Unscored: too much waits already, or the model failed, or gave no logit that is a number.
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
        computed = [place for place, one in enumerate(outputs) if one is not None]
        values[computed] = [outputs[place] for place in computed]
        values[np.isinf(values)] = np.nan
        bad = bool(np.isnan(values[computed]).any())
        if bad and np.isnan(values).all():
            raise Unscored(Reason.BAD_SCORES)
        if bad:
            reason = Reason.BAD_SCORES
        elif shortened:
            reason = Reason.OVERLOADED
        else:
            reason = Reason.TOO_LONG if len(computed) == len(outputs) else Reason.LATE
        return Scores(values, self.name, missing=reason, abridged=abridged)

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
