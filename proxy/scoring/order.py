"""From scores to an order: which candidate stands where.

The rules, from the strongest on:

1. Scored candidates stand by score, best first; equal scores keep the store's order.
2. A candidate that was not reached in time keeps its place: the scored ones only trade places among
   themselves. A row that nobody has read is neither promoted over one that was read nor pushed down by it.
3. Candidates without text follow all others, in the store's order.
4. Rows after the window follow in the store's order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def order_by_score(values: NDArray[np.float32], readable: Sequence[int], total: int) -> tuple[int, ...]:
    """Return a permutation of `range(total)`.

    `values`, float32 of shape (len(readable),), are the scores of the candidates `readable`, which are
    increasing indices; NaN marks one that was not reached.
    """
    scored = np.flatnonzero(~np.isnan(values))
    best_first = scored[np.argsort(-values[scored], kind="stable")]
    places = np.arange(len(readable))
    places[scored] = best_first
    read = np.asarray(readable, dtype=np.intp)[places].tolist()
    window = readable[-1] + 1 if readable else 0
    kept = set(read)
    textless = [index for index in range(window) if index not in kept]
    return (*read, *textless, *range(window, total))


def falling_scores(
    values: NDArray[np.float32], readable: Sequence[int], order: Sequence[int]
) -> tuple[float, ...]:
    """Return a score for every place of `order`, never increasing along it.

    Scored candidates have their own score. All others get the score of the row before them, or of the best
    row if none is before them: clients that sort by score keep the order that was answered.
    """
    own = {index: float(value) for index, value in zip(readable, values, strict=True) if not np.isnan(value)}
    latest = max(own.values(), default=0.0)
    scores = []
    for index in order:
        latest = min(latest, own.get(index, latest))
        scores.append(latest)
    return tuple(scores)
