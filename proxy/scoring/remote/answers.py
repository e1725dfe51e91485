"""What an API must have answered to count as an answer: a finite score for every text, each of them once.

Half an answer is none. Missing or doubled rows mean that the two sides do not agree about what was asked, and
a wrong order is worse than the store's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Scores are float32 further on.
_MOST = float(np.finfo(np.float32).max)


class BadAnswer(Exception):
    """What came is no answer to what was asked; `str(error)` says why, and never quotes content."""


def parsed(body: bytes) -> object:
    """Return the value of a JSON text.

    Raises:
        BadAnswer: it is none: cut off, not UTF-8, NaN, nested too deeply, ...
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadAnswer("not JSON") from None


def rows_under(answer: object, name: str) -> object:
    """Return what an answer that should be an object has under a name.

    Raises:
        BadAnswer: it is no object, or has nothing there: an error with status 200 looks like that.
    """
    if not isinstance(answer, dict) or name not in answer:
        raise BadAnswer(f"no object with {name}")
    return answer[name]


def scores_in(rows: object, count: int, *, score: str) -> NDArray[np.float64]:
    """Return the scores of `count` texts, in the order in which they were sent, whatever that of the rows.

    Args:
        rows: objects, each with the `index` of a text, counted from 0.
        count: how many texts were sent.
        score: the name under which a row has its score.

    Raises:
        BadAnswer: not every text has exactly one score, or one is no finite number.
    """
    if not isinstance(rows, list) or len(rows) != count:
        raise BadAnswer("not as many rows as texts")
    scores: dict[int, float] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise BadAnswer("a row that is no object")
        index, value = row.get("index"), row.get(score)
        # To Python a bool is an int; here it is no number.
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise BadAnswer("an index of no text")
        if index in scores:
            raise BadAnswer("two rows for one text")
        if not isinstance(value, int | float) or isinstance(value, bool) or not -_MOST <= value <= _MOST:
            raise BadAnswer("a score that is no finite number")
        scores[index] = value
    return np.array([scores[index] for index in range(count)], np.float64)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logits)), in the form that overflows on neither side."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)
