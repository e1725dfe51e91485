"""Pairs of query and text, as the engine wants a model: its unit of work is one pair, read together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.cost_model import estimated_tokens
from proxy.scoring.text_graph import TextInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.scoring.text_graph import TextGraph

_SPECIAL_TOKENS = 3


class Pair(NamedTuple):
    """A query and a text, and how much of them is read."""

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
    """The graph, and the best window of every text."""

    def __init__(self, graph: TextGraph) -> None:
        self._graph = graph

    @property
    def batch_size(self) -> int:
        """What the graph takes in one call."""
        return self._graph.batch_size

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
