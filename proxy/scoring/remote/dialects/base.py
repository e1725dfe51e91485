"""The seam of dialects: how one API is asked to rerank, and what its answers mean. Bytes in, bytes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import orjson

from proxy.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


# Bytes of an answer beside its rows, and of a row: plenty. Whatever is larger is no answer, and to parse it
# would keep the event loop from all else.
_ROOM, _ROW = 64 * 2**10, 512
# Bytes that one byte of a text becomes at most, as in \\u003c.
_ESCAPED = 6


class Dialect(ABC):
    """One API. What is said here are the habits of most of them."""

    name: ClassVar[str]
    # Where the API is hosted; empty for servers that everybody runs on their own.
    url: ClassVar[str] = ""
    path: ClassVar[str]
    # The most texts of one request.
    max_batch: ClassVar[int] = 1000
    # Whether it sends the texts back, whatever it is told.
    echoes: ClassVar[bool] = False
    # What scores mean, for people.
    scale: ClassVar[str] = "0 to 1"
    # The short words by which the API names its errors. Nothing else out of an error is ever shown.
    words: ClassVar[tuple[str, ...]] = ()

    def headers(self, key: str) -> Mapping[str, str]:
        """Return the headers that carry an API key."""
        return {"Authorization": f"Bearer {key}"}

    @abstractmethod
    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Return the body that asks for the scores of all texts; they hold no lone surrogates."""

    @abstractmethod
    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Return the scores in an answer of status 200, shape (count,), in the order of the texts.

        Raises:
            BadAnswer: it does not hold a finite score for each of them.
        """

    def longest_answer(self, body: bytes, count: int) -> int:
        """Return how many bytes an answer to the request in `body`, of `count` texts, has at most."""
        return _ROOM + _ROW * count + (_ESCAPED * len(body) if self.echoes else 0)

    def reason(self, status: int, body: bytes) -> Reason:  # noqa: ARG002 - for those whose status says too little
        """Return why an answer of another status than 200 has no scores."""
        return reason_of(status)

    def word(self, body: bytes) -> str:
        """Return the word by which an error names itself, if it is one of the known ones; else nothing."""
        start = body[:4096]
        return next((word for word in self.words if word.encode() in start), "")

    def pointwise(self, model: str) -> bool:  # noqa: ARG002 - for those who host other models too
        """Say whether a model scores each text by itself, whatever is sent along with it."""
        return True


def reason_of(status: int) -> Reason:
    """Return what a status that is not 200 means, where an API has no ideas of its own."""
    if status < 400:
        return Reason.BAD_RESPONSE
    if status == 429:
        return Reason.RATE_LIMITED
    if status in (401, 402, 403):
        return Reason.REMOTE_DENIED
    if status >= 500 or status in (408, 425):
        return Reason.REMOTE_ERROR
    return Reason.REMOTE_REFUSED


def body_of(**fields: object) -> bytes:
    """Return a JSON object."""
    return orjson.dumps(fields)
