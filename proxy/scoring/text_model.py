"""A late-interaction model as the engine wants it: its unit of work is one text, encoded and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.scoring.cost_model import estimated_tokens
from proxy.scoring.text_graph import TextInput
from proxy.scoring.text_reader import readable
from proxy.scoring.token_matrix import TokenMatrix, max_sim
from proxy.scoring.token_pooling import pooled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.scoring.text_graph import TextGraph

# Tokens read of a query. Questions are far below it; a page that is used as a query is cut.
_QUERY_TOKENS = 128
# To compare a query with a known document takes about as long as to encode this many tokens.
_COMPARISON = 0.5
_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How documents are encoded: up to `windows` windows of `max_tokens`, `pooling` tokens to a vector."""

    max_tokens: int = 256
    windows: int = 1
    pooling: int = 2

    def readable(self, text: str) -> str:
        """Return the part of a document that its matrix depends on."""
        return readable(text, self.max_tokens * self.windows)

    @property
    def identity(self) -> str:
        """What matrices that are kept depend on, beside the model."""
        return f"{self.max_tokens}x{self.windows}-pooled-{self.pooling}"


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


def item_tokens(item: Question | Passage, encoding: Encoding) -> int:
    """Return about how many tokens' time an item takes."""
    if isinstance(item, Passage):
        return estimated_tokens(item.text, encoding.max_tokens * encoding.windows)
    return estimated_tokens(item.text, _QUERY_TOKENS) + round(_COMPARISON * len(item.known))


class TextModel:
    """The graph and what is done with its token vectors."""

    def __init__(self, graph: TextGraph, encoding: Encoding) -> None:
        self._graph = graph
        self._encoding = encoding

    @property
    def batch_size(self) -> int:
        """What the graph takes in one call."""
        return self._graph.batch_size

    def size(self, item: Question | Passage) -> int:
        """Return the estimated tokens: real ones are counted later, off the event loop."""
        return item_tokens(item, self._encoding)

    def run(self, items: Sequence[Question | Passage]) -> list[Encoded]:
        """Return each text encoded and compared, in the engine's thread.

        All tokens count. Without [CLS] and [SEP], or without punctuation, NDCG@10 on SciFact moved by .005 in
        either direction, depending on the weights' precision (100 queries): no reason to drop any.
        """
        arrays = self._graph.run([self._input(item) for item in items])
        return [self._encoded(item, vectors) for item, vectors in zip(items, arrays, strict=True)]

    def interrupt(self) -> None:
        """End calls that hang, where the graph can do that."""
        self._graph.interrupt()

    def _input(self, item: Question | Passage) -> TextInput:
        if isinstance(item, Question):
            return TextInput(item.text, max_tokens=min(_QUERY_TOKENS, self._encoding.max_tokens))
        return TextInput(item.text, max_tokens=self._encoding.max_tokens, windows=self._encoding.windows)

    def _encoded(self, item: Question | Passage, vectors: NDArray[np.float32]) -> Encoded:
        if isinstance(item, Question):
            matrix = TokenMatrix.pack(vectors)
            return Encoded(matrix, max_sim(matrix, item.known))
        matrix = TokenMatrix.pack(pooled(vectors, self._encoding.pooling))
        return Encoded(matrix, max_sim(item.query, [matrix]) if item.query else _NOTHING)
