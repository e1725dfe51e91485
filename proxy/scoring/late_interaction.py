"""Late interaction: a document is encoded once, and then compared with any query token by token (MaxSim).

The encoder is a sentence embedding model, read before its pooling. The matrix of a document depends on its
text alone, so it is kept: a search over known documents costs one short query and small matrix products. An
unknown document costs about as much as with a cross-encoder. What is not reached in time is encoded after the
answer, so a collection warms up by use.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.errors import BadConfig, Mistake, Unscored
from proxy.model import Reason
from proxy.scoring.base import Scores
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.engine import Engine
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.prepared_model import prepare_apart
from proxy.scoring.text_graph import LocalTextGraph, TextInput
from proxy.scoring.text_reader import readable
from proxy.scoring.token_matrix import TokenMatrix, max_sim
from proxy.scoring.warm_up import WarmUp
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.model_files import Precision
    from proxy.scoring.prepared_model import PreparedModel
    from proxy.scoring.token_matrices import TokenMatrices

# Tokens read of a query. Questions are far below it; a page that is used as a query is cut.
_QUERY_TOKENS = 128
_NOTHING = np.empty(0, np.float32)


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
        max_tokens: int = 256,
        threads: int = 0,
    ) -> None:
        """Take the settings; texts are read to `max_tokens`, 0 threads are all usable CPUs."""
        self.name = name
        self._model = model
        self._precision: Precision = precision
        self._max_tokens = max_tokens
        self._threads = threads
        self._matrices = matrices
        self._seed = hashlib.sha256()
        self._engine: Engine[Question | Passage, Encoded] | None = None
        self.ready = False
        self._warm_up = WarmUp(self._encode)
        self._tasks = Tasks()

    async def start(self) -> None:
        """Prepare the model if need be, load it and the kept matrices, and encode one text.

        Raises:
            BadConfig: there is no such model, or it has no embeddings.
            Unscored: the model cannot encode.
        """
        key = f"models.{self.name}.model"
        prepared = await prepare_apart(self._model, precision=self._precision, key=key)
        if prepared.head != "tokens":
            raise BadConfig((Mistake(self._model, key, "a classifier", "a BERT-like embedding model"),))
        self._max_tokens = min(self._max_tokens, prepared.max_tokens)
        identity = f"{prepared.identity}-{self._max_tokens}"
        self._seed = hashlib.sha256(identity.encode())
        await self._matrices.open(identity)
        model = await asyncio.to_thread(TextModel, prepared, self._max_tokens)
        threads = self._threads or await asyncio.to_thread(usable_cpus)
        self._engine = Engine(model, name=self.name, threads=threads)
        self._engine.start()
        await self._engine.submit([Question("A first text, to be sure that the model works.")])
        self._tasks.spawn(self._warm_up.run(), f"warm-up:{self.name}")
        self.ready = True

    async def score(self, job: ScoreJob) -> Scores:
        """Score the texts that are known, then those that can be encoded before the deadline, top down.

        Raises:
            Unscored: not even the query was encoded in time, too much waits already, or the model failed.
        """
        assert self._engine is not None, "only a scorer that is ready is asked"
        texts = [readable(text, self._max_tokens) for text in job.texts]
        keys = [self._key(text) for text in texts]
        known = tuple(self._matrices.get(key) for key in keys)
        missing = {key: text for key, text, matrix in zip(keys, texts, known, strict=True) if matrix is None}
        (question,) = await self._engine.submit([Question(job.query, known)], job.deadline)
        values = np.full(len(keys), np.nan, np.float32) if question is None else question.scores
        scored: dict[bytes, float] = {}
        if question is not None:
            try:
                scored = await self._score_missing(missing, question.matrix, job.deadline)
            except Unscored:
                # What is known has been scored, and an order of that is better than none.
                if np.isnan(values).all():
                    raise
        for place, key in enumerate(keys):
            values[place] = scored.get(key, values[place])
        for key in missing.keys() - scored.keys():
            self._warm_up.add(key, missing[key])
        if question is None:
            raise Unscored(Reason.LATE)
        return Scores(values, self.name)

    async def _score_missing(
        self, missing: dict[bytes, str], query: TokenMatrix, deadline: float
    ) -> dict[bytes, float]:
        """Return the scores of those that were encoded in time; whatever is encoded is kept.

        Raises:
            Unscored: too much waits already, or the model failed.
        """
        assert self._engine is not None, "asked by `score` alone"
        keys = tuple(missing)

        def keep(place: int, encoded: Encoded) -> None:
            self._matrices.put(keys[place], encoded.matrix)

        passages = [Passage(text, query) for text in missing.values()]
        outputs = await self._engine.submit(passages, deadline, keep=keep)
        return {key: float(one.scores[0]) for key, one in zip(keys, outputs, strict=True) if one is not None}

    async def close(self) -> None:
        """Stop the threads, keep the matrices if they are to be kept, and let the model go."""
        self.ready = False
        await self._tasks.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        await self._matrices.close()

    def _key(self, text: str) -> bytes:
        digest = self._seed.copy()
        digest.update(text.encode())
        return digest.digest()

    async def _encode(self, key: bytes, text: str) -> None:
        """Encode a text for later searches, when no search waits."""
        if self._engine is None or key in self._matrices:
            return
        (encoded,) = await self._engine.submit([Passage(text)], idle=True)
        if encoded is not None:
            self._matrices.put(key, encoded.matrix)


class Question(NamedTuple):
    """A query to encode and to compare with the documents that are known."""

    text: str
    known: tuple[TokenMatrix | None, ...] = ()


class Passage(NamedTuple):
    """A document to encode, and to compare with a query if one waits for it."""

    text: str
    query: TokenMatrix | None = None


class Encoded(NamedTuple):
    """A text's matrix, and the scores of what it was compared with: float32, NaN for an unknown document."""

    matrix: TokenMatrix
    scores: NDArray[np.float32]


class TextModel:
    """The tokenizer and the graph, as the engine wants a model: its unit of work is one text."""

    def __init__(self, prepared: PreparedModel, max_tokens: int) -> None:
        """Load both."""
        self._graph = LocalTextGraph(prepared)
        self._max_tokens = max_tokens

    def size(self, item: Question | Passage) -> int:
        """Return the length in characters: tokens are counted later, off the event loop."""
        return len(item.text)

    def run(self, items: Sequence[Question | Passage]) -> list[Encoded]:
        """Return each text encoded and compared, in the engine's thread.

        All tokens count. Without [CLS] and [SEP], or without punctuation, NDCG@10 on SciFact moved by .005 in
        either direction, depending on the weights' precision (100 queries): no reason to drop any.
        """
        return [self._encoded(item) for item in items]

    def _encoded(self, item: Question | Passage) -> Encoded:
        if isinstance(item, Question):
            matrix = self._matrix(item.text, min(_QUERY_TOKENS, self._max_tokens))
            return Encoded(matrix, max_sim(matrix, item.known))
        matrix = self._matrix(item.text, self._max_tokens)
        return Encoded(matrix, max_sim(item.query, [matrix]) if item.query else _NOTHING)

    def _matrix(self, text: str, max_tokens: int) -> TokenMatrix:
        (vectors,) = self._graph.run([TextInput(text, max_tokens=max_tokens)])
        return TokenMatrix.pack(vectors)
