"""Late interaction: a document is encoded once, and then compared with any query token by token (MaxSim).

The encoder is a sentence embedding model, read before its pooling. The matrix of a document depends on its
text alone, so it is kept: a search over known documents costs one short query and small matrix products. An
unknown document costs about as much as with a cross-encoder. What is not reached in time is encoded after the
answer, and so is what is seen on its way into the store: a collection warms up by use and by writes.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, Scores
from proxy.scoring.engine import Engine
from proxy.scoring.local_model import load
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.text_model import Encoding, Passage, Question, TextModel, item_tokens
from proxy.scoring.warm_up import WarmUp
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.local_model import Isolation
    from proxy.scoring.model_files import Precision
    from proxy.scoring.text_graph import TextGraph
    from proxy.scoring.text_model import Encoded
    from proxy.scoring.token_matrices import TokenMatrices
    from proxy.scoring.token_matrix import TokenMatrix

# Lengths in tokens at which calls are timed before the first search.
_CALIBRATION = (16, 64, 128, 256)


class LateInteraction:
    """A scorer over the built-in model, or over another BERT-like embedding model."""

    pointwise = True

    def __init__(
        self,
        model: str = BUILT_IN_MODEL,
        *,
        name: str,
        matrices: TokenMatrices,
        precision: Precision = "int8",
        encoding: Encoding | None = None,
        threads: int = 0,
        isolation: Isolation = "thread",
    ) -> None:
        """Take the settings; 0 threads are all usable CPUs."""
        self.name = name
        self.identity = ""
        self._load = partial(
            load, model, name=name, head="tokens", precision=precision, threads=threads, isolation=isolation
        )
        self._encoding = encoding or Encoding()
        self._matrices = matrices
        self._seed = hashlib.sha256()
        self._engine: Engine[Question | Passage, Encoded] | None = None
        self._graph: TextGraph | None = None
        self.ready = False
        self.warm_up = WarmUp(self._encode)
        self._tasks = Tasks()

    @property
    def engine(self) -> Engine[Question | Passage, Encoded] | None:
        """The engine, once started, for those who watch it."""
        return self._engine

    async def start(self) -> None:
        """Prepare the model if need be, load it and the kept matrices, and time some texts.

        Raises:
            BadConfig: there is no such model, or it has no embeddings.
            Unscored: the model cannot encode.
        """
        prepared, self._graph, threads = await self._load()
        longest = min(self._encoding.max_tokens, prepared.max_tokens)
        self._encoding = replace(self._encoding, max_tokens=longest)
        self.identity = f"{prepared.identity}-{self._encoding.identity}"
        self._seed = hashlib.sha256(self.identity.encode())
        await self._matrices.open(self.identity)
        self._engine = Engine(TextModel(self._graph, self._encoding), name=self.name, threads=threads)
        self._engine.start()
        await self._engine.calibrate(
            [Passage("text " * tokens) for tokens in _CALIBRATION if tokens <= longest]
        )
        self._tasks.spawn(self.warm_up.run(), f"warm-up:{self.name}")
        self.ready = True

    @property
    def eager(self) -> bool:
        """Whether texts told now would be kept: there is room for them, and for those that wait already."""
        return self.ready and self._matrices.has_room and not self.warm_up.full

    def learn(self, texts: Sequence[str]) -> None:
        """Remember texts that were written, to be encoded in idle time."""
        for text in map(self._encoding.readable, texts):
            key = self._key(text)
            if key not in self._matrices:
                self.warm_up.add_written(key, text)

    def readable(self, text: str) -> str:
        """Return the part of a document that its matrix depends on."""
        return self._encoding.readable(text)

    def reach(self, job: ScoreJob) -> int:
        """Predict how many texts are scored in time; those that are known come with the query."""
        assert self._engine is not None, "only a scorer that is ready is asked"
        texts = [self._encoding.readable(text) for text in job.texts]
        missing = [Passage(text) for text in texts if self._key(text) not in self._matrices]
        items: list[Question | Passage] = [Question(job.query), *missing]
        sizes = [item_tokens(item, self._encoding) for item in items]
        reached = self._engine.reach(sizes, job.deadline)
        return len(texts) - len(missing) + reached - 1 if reached else 0

    def usual_reach(self, _: float) -> Reach:
        """Give no bound: which documents are known, and cost nothing, the store's answer will tell."""
        return Reach(math.inf)

    def figures(self) -> Mapping[str, float]:
        """Return the figures of the engine, of the matrices and of the warm-up."""
        if self._engine is None:
            return {}
        return self._engine.figures() | {
            "known_texts": len(self._matrices),
            "known_bytes": self._matrices.nbytes,
            "warm_up_waiting": len(self.warm_up),
            "warm_up_encoded": self.warm_up.encoded,
            "warm_up_skipped": self.warm_up.skipped,
            "warm_up_dropped": self.warm_up.dropped,
            "warm_up_failed": self.warm_up.failed,
        }

    async def score(self, job: ScoreJob) -> Scores:
        """Score the texts that are known, then those that can be encoded before the deadline, top down.

        Raises:
            Unscored: not even the query was encoded in time, too much waits already, or the model failed.
        """
        assert self._engine is not None, "only a scorer that is ready is asked"
        texts = [self._encoding.readable(text) for text in job.texts]
        keys = [self._key(text) for text in texts]
        known = tuple(self._matrices.get(key) for key in keys)
        missing = {key: text for key, text, matrix in zip(keys, texts, known, strict=True) if matrix is None}
        found = _Found({})
        try:
            ((question,), _) = await self._engine.submit(
                [Question(job.query, known)], job.deadline, tenant=job.tenant
            )
            if question is None:
                raise Unscored(Reason.LATE)
            values = question.scores
            if job.found is not None:
                for place, value in enumerate(values):
                    if not np.isnan(value):
                        job.found(place, float(value))
            try:
                found = await self._score_missing(missing, question.matrix, job, keys)
            except Unscored:
                # What is known has been scored, and an order of that is better than none.
                if np.isnan(values).all():
                    raise
        finally:
            # However this search ended, the next one may ask for the same documents.
            for key in missing.keys() - found.scores.keys():
                self.warm_up.add_missed(key, missing[key])
        for place, key in enumerate(keys):
            values[place] = found.scores.get(key, values[place])
        return Scores(values, self.name, missing=found.why_missing)

    async def _score_missing(
        self, missing: dict[bytes, str], query: TokenMatrix, job: ScoreJob, places: Sequence[bytes]
    ) -> _Found:
        """Return the scores of those that were encoded in time; whatever is encoded is kept.

        `places` are the keys of the job's texts, in their order.

        Raises:
            Unscored: too much waits already, or the model failed.
        """
        assert self._engine is not None, "asked by `score` alone"
        keys = tuple(missing)

        def keep(place: int, encoded: Encoded) -> None:
            self._matrices.put(keys[place], encoded.matrix)
            if job.found is not None:
                job.found(places.index(keys[place]), float(encoded.scores[0]))

        outputs, shortened = await self._engine.submit(
            [Passage(text, query) for text in missing.values()],
            job.deadline,
            tenant=job.tenant,
            at_least=max(1, job.at_least - len(job.texts) + len(missing)),
            keep=keep,
        )
        scores = {
            key: float(one.scores[0]) for key, one in zip(keys, outputs, strict=True) if one is not None
        }
        return _Found(scores, Reason.OVERLOADED if shortened else Reason.LATE)

    async def close(self) -> None:
        """Stop the threads, keep the matrices if they are to be kept, and let the model go."""
        self.ready = False
        await self._tasks.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        if self._graph is not None:
            self._graph.close()
            self._graph = None
        await self._matrices.close()

    def _key(self, text: str) -> bytes:
        digest = self._seed.copy()
        digest.update(text.encode())
        return digest.digest()

    async def _encode(self, key: bytes, text: str) -> bool:
        """Encode a text for later searches, when no search waits; False if that is not worth while."""
        if self._engine is None or not self._matrices.would_keep(key):
            return False
        ((encoded,), _) = await self._engine.submit([Passage(text)], idle=True)
        if encoded is not None:
            self._matrices.put(key, encoded.matrix)
        return encoded is not None


class _Found(NamedTuple):
    """Scores of texts that were not known before, and why others have none."""

    scores: dict[bytes, float]
    why_missing: Reason = Reason.LATE
