"""Texts in, arrays out: a tokenizer and a graph, as one blocking thing that any thread may call.

`LocalTextGraph` runs in this process; whatever runs a model elsewhere, or otherwise, offers the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from proxy.scoring.onnx_session import OnnxModel
from proxy.scoring.text_reader import TextReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from proxy.scoring.prepared import PreparedModel


class TextInput(NamedTuple):
    """A text, alone or with the query it is read together with.

    `max_tokens` is the length of one window, query and special tokens included; `windows` is how many windows
    of a long text are read, from its start.
    """

    text: str
    query: str | None = None
    max_tokens: int = 256
    windows: int = 1


class TextGraph(Protocol):
    """Runs texts through a model. Blocks; several threads may call it at once."""

    @property
    def batch_size(self) -> int:
        """How many texts it wants in one call, at most."""
        ...

    def run(self, inputs: Sequence[TextInput]) -> list[NDArray[np.float32]]:
        """Return an array for every input, in their order.

        A model with a logit gives float32 of shape (windows,), one with tokens (tokens, dimensions): the rows
        of all windows in a row.
        """
        ...

    def interrupt(self) -> None:
        """End calls that hang, if that is possible; they raise. Called from another thread."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class LocalTextGraph:
    """A model in this process."""

    # Alone a text needs no padding, and its int8 scale is its own: docs/decisions/004-one-text-per-call.md.
    batch_size = 1

    def __init__(self, prepared: PreparedModel) -> None:
        """Load tokenizer and graph, which takes the model's size in memory."""
        self._texts = TextReader(prepared.tokenizer, prepared.max_tokens)
        self._graph = OnnxModel(prepared.graph)

    def run(self, inputs: Sequence[TextInput]) -> list[NDArray[np.float32]]:
        """Return an array for every input, one text per call of the graph."""
        return [self._run(one) for one in inputs]

    def interrupt(self) -> None:
        """Do nothing: a thread can't be stopped from outside."""

    def close(self) -> None:
        """Do nothing: the memory goes with the last reference."""

    def _run(self, one: TextInput) -> NDArray[np.float32]:
        windows = self._texts.windows(one.text, one.query, max_tokens=one.max_tokens, windows=one.windows)
        return np.concatenate([self._graph.run(window) for window in windows])
