"""`POST /rerank`: the API of Hugging Face's text-embeddings-inference (TEI 1.9, router/src/http)."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import FailFast, Field
from typing_extensions import TypedDict

from proxy.rerank_api.base import Asked, Query, Refused, Request, Told, read, written


class TeiRequest(Request):
    """A request to `/rerank`."""

    query: Query
    texts: Annotated[
        list[str], FailFast(), Field(description="What is ranked.", json_schema_extra={"minItems": 1})
    ]
    raw_scores: bool = Field(False, description="Return the model's own scores, not those in [0, 1].")
    return_text: bool = Field(False, description="Return the texts with the scores.")


class TeiRank(TypedDict):
    """One row."""

    index: int
    score: float
    text: NotRequired[str]


class TeiError(TypedDict):
    """An error of `/rerank`."""

    error: str
    error_type: str


class TeiDialect:
    """Reads and writes `/rerank`."""

    texts_field = "texts"
    summary = "Rerank, as text-embeddings-inference does"
    request = TeiRequest
    answer = list[TeiRank]
    error = TeiError
    refusals = (400, 422)

    def decode(self, fields: object, most: int) -> Asked:
        """Read a request; see `Dialect`."""
        request = read(TeiRequest, fields, self.texts_field, most, status=422)
        if not request.texts:
            raise Refused(400, "`texts` cannot be empty")
        texts = tuple(request.texts)
        return Asked(
            request.query,
            texts,
            raw_scores=request.raw_scores,
            documents=texts if request.return_text else None,
        )

    def encode(self, asked: Asked, told: Told) -> bytes:
        """Write an answer; see `Dialect`."""
        ranks: list[TeiRank] = []
        for index, score in told.rows:
            rank: TeiRank = {"index": index, "score": score}
            if asked.documents is not None:
                rank["text"] = asked.texts[index]
            ranks.append(rank)
        return written(ranks)

    def encode_error(self, status: int, why: str, request_id: str) -> bytes:  # noqa: ARG002 - a Dialect's
        """Write an error; see `Dialect`."""
        # The words of its enum, as they are on the wire; it has none for a missing key.
        kinds = {400: "Empty", 401: "Unauthorized", 503: "Unhealthy"}
        error: TeiError = {"error": why, "error_type": kinds.get(status, "Validation")}
        return written(error)
