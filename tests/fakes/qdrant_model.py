"""A model of Qdrant's search endpoints: what a server with these points answers, and nothing else of it.

Nearness is a hash, fusion is reciprocal ranks, and payload selectors are the server's: a path is a list of
steps, an included one is kept while it agrees with a place as far as both go, an excluded one removes a place
that it is the beginning of, and array elements stand at `[]` (lib/segment/src/json_path of qdrant v1.19).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import WireResponse
from tests.fakes.json_text import COMPACT, Number, Style, read, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.model import WireRequest

RRF_K = 2


@dataclass(frozen=True)
class QdrantModel:
    """`points` hold `id`, `version`, `score`, `payload` and `vector`."""

    points: tuple[dict[str, Any], ...]
    style: Style = COMPACT

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a valid search."""
        asked = read(request.body)
        endpoint = request.target.partition("?")[0].rstrip("/").partition("/points/")[2]
        if endpoint == "search":
            result: Any = self._hits(asked, asked["vector"])
        elif endpoint == "query":
            result = {"points": self._hits(asked, asked.get("query"))}
        else:
            result = [{"points": self._hits(one, one.get("query"))} for one in asked["searches"]]
        answer = {
            "result": result,
            "status": "ok",
            "time": Number("1.10e-3"),
            "usage": {"cpu": Number("1e3")},
        }
        return WireResponse(200, CIMultiDictProxy(CIMultiDict()), write(answer, self.style))

    def _hits(self, asked: dict[str, Any], query: Any) -> list[dict[str, Any]]:
        offset = int(asked.get("offset") or 0)
        limit = int(asked.get("limit") or asked.get("top") or 10)
        found = self._ordered(asked, query)[offset : offset + limit]
        return [shown(point, asked.get("with_payload"), asked.get("with_vector")) for point in found]

    def _ordered(self, stage: dict[str, Any], query: Any) -> list[dict[str, Any]]:
        prefetch = stage.get("prefetch") or []
        stages = prefetch if isinstance(prefetch, list) else [prefetch]
        pools = [
            self._ordered(inner, inner.get("query"))[: int(inner.get("limit") or 10)] for inner in stages
        ]
        pool = {point["id"]: point for points in pools for point in points} if pools else None
        if isinstance(query, dict) and query.keys() & {"fusion", "rrf"}:
            scores = dict.fromkeys(pool or {}, 0.0)
            for points in pools:
                for rank, point in enumerate(points):
                    scores[point["id"]] += 1 / (RRF_K + rank)
            return sorted((pool or {}).values(), key=lambda point: (-scores[point["id"]], str(point["id"])))
        seed = json.dumps(query, sort_keys=True)
        candidates = self.points if pool is None else pool.values()
        return sorted(candidates, key=lambda point: hashlib.sha256(f"{seed}/{point['id']}".encode()).digest())


def shown(point: dict[str, Any], with_payload: Any, with_vector: Any) -> dict[str, Any]:
    """Return a point as a hit: what was not asked for is not there at all."""
    hit = {key: point[key] for key in ("id", "version", "score")}
    if with_payload not in (None, False):
        hit["payload"] = selected(point["payload"], with_payload)
    if with_vector:
        hit["vector"] = point["vector"]
    return hit


def selected(payload: dict[str, Any], selector: Any) -> dict[str, Any]:
    """Return what a selector leaves of a payload."""
    if selector is True:
        return payload
    if isinstance(selector, dict) and "exclude" in selector:
        paths = [steps(path) for path in selector["exclude"]]
        return _filtered(payload, [], lambda place: not any(place[: len(p)] == p for p in paths))
    listed = selector["include"] if isinstance(selector, dict) else selector
    paths = [steps(path) for path in listed]
    return _filtered(payload, [], lambda place: any(_agree(path, place) for path in paths))


def steps(path: str) -> list[str]:
    """Split a path; a step into an array keeps its bracket in front."""
    return re.findall(r'[^."\[\]]+|(?<=")[^"]*(?=")|\[\d*\]', path)


def _agree(path: list[str], place: list[str]) -> bool:
    return all(a == b for a, b in zip(path, place, strict=False))


def _filtered(value: Any, place: list[str], keep: Callable[[list[str]], bool]) -> Any:
    if isinstance(value, dict):
        places = {key: [*place, key] for key in value}
        return {key: _filtered(value[key], at, keep) for key, at in places.items() if keep(at)}
    if isinstance(value, list):
        at = [*place, "[]"]
        return [_filtered(inner, at, keep) for inner in value if keep(at)]
    return value
