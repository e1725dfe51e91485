"""What Qdrant's REST interface puts on the wire: requests read as strictly, answers written as tersely.

Shapes and texts follow Qdrant 1.19: lib/api/src/rest/schema.rs, src/actix/helpers.rs, and its OpenAPI file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import models as m

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = Any


class Refused(Exception):
    """A request that is answered with an error: status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def read(body: bytes, model: Json) -> Json:
    """Parse a body as the server's deserialiser does: no number in a string, no boolean for a number."""
    return _validated(_parsed(body), model)


def read_legacy(body: bytes) -> Json:
    """Read a request of `/points/search`, which today's client models no longer know."""
    return _validated(_modern(_parsed(body)), m.QueryRequest)


def read_legacy_batch(body: bytes) -> Json:
    """Read a request of `/points/search/batch`."""
    parsed = _parsed(body)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("searches"), list):
        raise Refused(400, "Format error in JSON body: missing field `searches`")
    return _validated({"searches": [_modern(search) for search in parsed["searches"]]}, m.QueryRequestBatch)


def prefetches(asked: m.QueryRequest | m.Prefetch) -> Iterable[m.Prefetch]:
    """Give the prefetches of one level: a single object is allowed where a list is."""
    found = asked.prefetch
    return found if isinstance(found, list) else [found] if found else []


def check_not_zero(limit: int | None, where: str) -> None:
    """Refuse a limit of zero, the way the server's validation does."""
    if limit == 0:
        raise Refused(422, f"Validation error in JSON body: [{where}: value 0 invalid, must be 1 or larger]")


def refusal(error: ValueError | KeyError) -> Refused:
    """Say what the in-memory client refused in the server's words."""
    text = str(error)
    if text.startswith("Collection ") and text.endswith(" not found"):
        return Refused(404, f"Not found: Collection `{text.split(' ')[1]}` doesn't exist!")
    return Refused(400, f"Wrong input: {text}")


def point(found: m.ScoredPoint | m.Record) -> dict[str, Json]:
    """Write a point: absent fields are left out, nulls inside a payload are kept, scores are float32."""
    written: dict[str, Json] = {"id": found.id if isinstance(found.id, int) else str(found.id)}
    if isinstance(found, m.ScoredPoint):
        written |= {"version": found.version, "score": np.float32(found.score)}
    if found.payload is not None:
        written["payload"] = found.payload
    if found.vector is not None:
        written["vector"] = _plain(found.vector)
    return written


def _parsed(body: bytes) -> Json:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"Format error in JSON body: {error}") from error


def _validated(parsed: Json, model: Json) -> Json:
    searches = parsed.get("searches") if isinstance(parsed, dict) else None
    for search in [parsed, *(searches if isinstance(searches, list) else ())]:
        if isinstance(search, dict) and "with_vectors" in search:  # an alias that the client's models lack
            search["with_vector"] = search.pop("with_vectors")
    try:
        return TypeAdapter(model).validate_json(orjson.dumps(parsed), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Refused(400, f"Format error in JSON body: {first['msg']} at {where}") from error


def _modern(search: Json) -> Json:
    """Translate a legacy search: its vector may be named, and its limit may be called `top`."""
    if not isinstance(search, dict) or "vector" not in search:
        raise Refused(400, "Format error in JSON body: missing field `vector`")
    modern = dict(search)
    vector = modern.pop("vector")
    if "top" in modern:
        modern["limit"] = modern.pop("top")
    if modern.get("limit") is None:
        raise Refused(400, "Format error in JSON body: missing field `limit`")
    if isinstance(vector, dict):
        modern["using"], vector = vector.get("name"), vector.get("vector")
    return {**modern, "query": {"nearest": vector}}


def _plain(vector: Json) -> Json:
    if isinstance(vector, dict):
        return {name: _plain(value) for name, value in vector.items()}
    if isinstance(vector, BaseModel):
        return vector.model_dump(mode="json")
    return np.asarray(vector, dtype=np.float32)
