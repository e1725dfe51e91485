"""`POST /v1/rerank`: Jina's API, and what vLLM, Infinity and LocalAI made of it; Cohere's v1 is there too.

Their requests differ in what may be left out, and no client breaks over a field more in an answer; so one
answer serves all of them:

* a document goes back as an object, as Cohere's SDK wants it, and unasked, as Jina's and vLLM's clients do;
* `meta` is Cohere's, `usage`, `model` and `object` are Jina's, and nothing is billed;
* an error says the same as `message`, for Cohere's SDK, and as `detail`, which Jina's clients read.
"""

from __future__ import annotations

from typing import Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from proxy.rerank_api.base import Asked, Count, Documents, Query, Request, Told, read, texts_of, written
from proxy.rerank_api.cohere import Meta, meta


class JinaRequest(Request):
    """A request to `/v1/rerank`."""

    query: Query
    documents: Documents
    top_n: Count | None = Field(None, description="Most results to return; all by default, and with 0.")
    return_documents: bool | None = Field(None, description="Return documents with results, the default.")
    rank_fields: list[str] | None = Field(
        None, min_length=1, max_length=64, description="Keys of document objects to read, instead of `text`."
    )
    raw_scores: bool | None = Field(None, description="Return the model's own scores, not those in [0, 1].")


class JinaResult(TypedDict):
    """One row."""

    index: int
    relevance_score: float
    document: NotRequired[dict[str, object]]


class Usage(TypedDict):
    """Tokens that are paid for: none."""

    prompt_tokens: int
    total_tokens: int


class JinaAnswer(TypedDict):
    """An answer of `/v1/rerank`."""

    id: str
    object: Literal["list"]
    model: str
    usage: Usage
    results: list[JinaResult]
    meta: Meta


class JinaError(TypedDict):
    """An error of `/v1/rerank`: the same sentence twice."""

    id: str
    message: str
    detail: str


class JinaDialect:
    """Reads and writes `/v1/rerank`."""

    texts_field = "documents"
    summary = "Rerank, as Jina, vLLM, Infinity and Cohere v1 do"
    request = JinaRequest
    answer = JinaAnswer
    error = JinaError
    refusals = (400,)

    def decode(self, fields: object, most: int) -> Asked:
        """Read a request; see `Dialect`."""
        request = read(JinaRequest, fields, self.texts_field, most)
        return Asked(
            request.query,
            # Each is read once: a document is no longer than it was sent, however often a key is named.
            texts_of(request.documents, dict.fromkeys(request.rank_fields or ())),
            request.top_n or None,
            bool(request.raw_scores),
            None if request.return_documents is False else request.documents,
        )

    def encode(self, asked: Asked, told: Told) -> bytes:
        """Write an answer; see `Dialect`."""
        results: list[JinaResult] = []
        for index, score in told.rows:
            result: JinaResult = {"index": index, "relevance_score": score}
            if asked.documents is not None:
                document = asked.documents[index]
                result["document"] = {"text": document} if isinstance(document, str) else dict(document)
            results.append(result)
        answer: JinaAnswer = {
            "id": told.id,
            "object": "list",
            "model": told.model,
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
            "results": results,
            "meta": meta("1"),
        }
        return written(answer)

    def encode_error(self, status: int, why: str, request_id: str) -> bytes:  # noqa: ARG002 - a Dialect's
        """Write an error; see `Dialect`."""
        error: JinaError = {"id": request_id, "message": why, "detail": why}
        return written(error)
