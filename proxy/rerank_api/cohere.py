"""`POST /v2/rerank`: Cohere's API (github.com/cohere-ai/cohere-developer-experience, cohere-openapi.yaml)."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from proxy.rerank_api.base import Asked, Documents, Positive, Query, Request, Told, read, texts_of, written


class CohereRequest(Request):
    """A request to `/v2/rerank`."""

    query: Query
    documents: Documents
    top_n: Positive | None = Field(None, description="Most results to return; all by default.")


class CohereResult(TypedDict):
    """One row."""

    index: int
    relevance_score: float


class ApiVersion(TypedDict):
    """The version of the API."""

    version: str


class BilledUnits(TypedDict):
    """What is paid for: nothing."""

    search_units: int


class Meta(TypedDict):
    """What Cohere's answers say beside the results."""

    api_version: ApiVersion
    billed_units: BilledUnits


class CohereAnswer(TypedDict):
    """An answer of `/v2/rerank`."""

    id: str
    results: list[CohereResult]
    meta: Meta


class CohereError(TypedDict):
    """An error of `/v2/rerank`."""

    id: str
    message: str


class CohereDialect:
    """Reads and writes `/v2/rerank`."""

    texts_field = "documents"
    summary = "Rerank, as Cohere v2 does"
    request = CohereRequest
    answer = CohereAnswer
    error = CohereError
    refusals = (400,)

    def decode(self, fields: object, most: int) -> Asked:
        """Read a request; see `Dialect`."""
        request = read(CohereRequest, fields, self.texts_field, most)
        return Asked(request.query, texts_of(request.documents), request.top_n)

    def encode(self, asked: Asked, told: Told) -> bytes:  # noqa: ARG002 - a Dialect's
        """Write an answer; see `Dialect`."""
        answer: CohereAnswer = {
            "id": told.id,
            "results": [{"index": index, "relevance_score": score} for index, score in told.rows],
            "meta": meta("2"),
        }
        return written(answer)

    def encode_error(self, status: int, why: str, request_id: str) -> bytes:  # noqa: ARG002 - a Dialect's
        """Write an error; see `Dialect`."""
        error: CohereError = {"id": request_id, "message": why}
        return written(error)


def meta(version: str) -> Meta:
    """Return what an answer says beside the results."""
    return {"api_version": {"version": version}, "billed_units": {"search_units": 0}}
