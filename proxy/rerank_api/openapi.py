"""The OpenAPI description of the rerank API, out of the types that its dialects read and write."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

import proxy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.rerank_api.base import Dialect

HEALTH_PATH = "/health"
OPENAPI_PATH = "/openapi.json"

_DESCRIPTION = (
    "Scores are in [0, 1] and fall along an answer. What was not scored in time keeps its place, with a "
    "score just below that of the row before it; where nothing was, all scores are 0. Fields that are not "
    "named here are accepted, and not looked at: which model reranks, and how much it reads, is up to the "
    "policy."
)
_WISHES = {
    "x-midrank-mode": "`off`: answer the documents as they were sent.",
    "x-midrank-budget-ms": "Milliseconds until the answer; more than the policy gives are not given.",
    "x-midrank-cache": "`off`: keep and use nothing; `exact`: use no scores of similar queries.",
    "x-request-timeout-ms": "Milliseconds that the caller waits for the answer.",
}
_OUTCOMES = {
    "x-midrank": "reranked, partial, cached, passed or fallback.",
    "x-midrank-reason": "Why it is not reranked or cached.",
    "x-midrank-attempts": "The models that were considered, in order, each with why it has not scored.",
    "x-midrank-scored": "How many of the documents have a score of their own, as N/ALL.",
    "x-midrank-cached": "How many of these scores were known, as N/ALL.",
    "x-midrank-near": "Scored as an earlier query in other words: the cosine of the two.",
    "server-timing": "The time it took, in milliseconds.",
}


class Health(TypedDict):
    """Whether a model is ready to rerank."""

    status: Literal["ready", "warming", "failed"]


class Message(TypedDict):
    """What is wrong with a request."""

    message: str


def openapi(paths: Mapping[str, Sequence[Dialect]], *, guarded: bool, max_documents: int) -> dict[str, Any]:
    """Return the description of what is served under some paths; `guarded` where a key is asked for."""
    types: dict[Any, Any] = {"health": Health, "message": Message}
    for dialect in {type(one): one for dialects in paths.values() for one in dialects}.values():
        types[type(dialect), "request"] = dialect.request
        types[type(dialect), "answer"] = dialect.answer
        types[type(dialect), "error"] = dialect.error
    schemas, definitions = TypeAdapter.json_schemas(
        [(key, "validation", TypeAdapter(one)) for key, one in types.items()],
        ref_template="#/components/schemas/{model}",
    )
    by_key = {key: schema for (key, _), schema in schemas.items()}
    components = definitions["$defs"]
    for dialect in (one for dialects in paths.values() for one in dialects):
        components[dialect.request.__name__]["properties"][dialect.texts_field]["maxItems"] = max_documents
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "midrank rerank API", "version": proxy.__version__, "description": _DESCRIPTION},
        "paths": {
            **{
                path: {"post": _rerank(path, spoken, by_key, guarded=guarded)}
                for path, spoken in paths.items()
            },
            HEALTH_PATH: {
                "get": {
                    "operationId": "health",
                    "summary": "Say whether a model is ready to rerank",
                    "responses": {
                        "200": _json("One is.", by_key["health"]),
                        "503": _json("None is.", by_key["health"]),
                    },
                }
            },
            OPENAPI_PATH: {
                "get": {
                    "operationId": "describe",
                    "summary": "Return this description",
                    "responses": {"200": _json("It.", {"type": "object"})},
                }
            },
        },
        "components": {"schemas": components},
    }
    if guarded:
        description["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return description


def _rerank(
    path: str, dialects: Sequence[Dialect], schemas: dict[Any, Any], *, guarded: bool
) -> dict[str, Any]:
    def one_of(part: str) -> Any:
        each = [schemas[type(dialect), part] for dialect in dialects]
        return each[0] if len(each) == 1 else {"anyOf": each}

    refusals = {413, 415, 503, *([401] if guarded else [])}.union(*(one.refusals for one in dialects))
    answer = _json("The documents, best first.", one_of("answer"))
    answer["headers"] = {
        name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in _OUTCOMES.items()
    }
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "summary": "; or ".join(dialect.summary for dialect in dialects),
        **({"security": [{"key": []}]} if guarded else {}),
        "parameters": [
            {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
            for name, meaning in _WISHES.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": one_of("request")}},
        },
        "responses": {
            "200": answer,
            **{
                str(status): _json(f"{HTTPStatus(status).phrase}.", one_of("error"))
                for status in sorted(refusals)
            },
        },
    }


def _json(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
