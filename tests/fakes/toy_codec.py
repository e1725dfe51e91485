"""The smallest store there can be: a codec for it and the store itself, for tests of everything above codecs.

A request is JSON: {"searches": [{"rows": [first, end], "q": text or null, "plain": bool}]}. An answer is one
list of row numbers per search. Row n has the text "row n", but for `textless` ones. A write is a PUT to
/COLLECTION/rows, its body a list of texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import Undecodable
from proxy.model import Candidate, Search, WireRequest, WireResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.codecs.base import Window
    from proxy.model import Ranking

NO_HEADERS = CIMultiDictProxy(CIMultiDict())


def toy_request(*searches, headers=()):
    """Build a request of (limit, offset, query) searches."""
    body = {
        "searches": [
            {"rows": [offset, offset + limit], "q": query, "plain": True} for limit, offset, query in searches
        ]
    }
    return WireRequest("POST", "/toys/search", CIMultiDictProxy(CIMultiDict(headers)), orjson.dumps(body))


@dataclass
class ToyReply:
    response: WireResponse
    rows: list[list[int]]
    textless: frozenset[int]

    @property
    def candidates(self):
        return tuple(
            tuple(Candidate(str(row), None if row in self.textless else f"row {row}") for row in rows)
            for rows in self.rows
        )

    def encode_response(self, rankings: Sequence[Ranking]) -> WireResponse:
        chosen = [
            [rows[index] for index in ranking.order]
            for rows, ranking in zip(self.rows, rankings, strict=True)
        ]
        return self.response._replace(body=orjson.dumps(chosen))


@dataclass
class ToyCall:
    request: WireRequest
    body: dict
    textless: frozenset[int]
    collection: str = "toys"
    database: str = ""
    timeout: float | None = None

    @property
    def searches(self):
        return tuple(
            Search(
                limit=one["rows"][1] - one["rows"][0],
                offset=one["rows"][0],
                query=one["q"],
                supported=one["plain"],
            )
            for one in self.body["searches"]
        )

    def encode_request(self, windows: Sequence[Window]) -> WireRequest:
        searches = [
            one if window is None else {**one, "rows": [0, window]}
            for one, window in zip(self.body["searches"], windows, strict=True)
        ]
        return self.request._replace(body=orjson.dumps({"searches": searches}))

    def decode_response(self, response: WireResponse) -> ToyReply:
        if not response.body.startswith(b"[["):
            raise Undecodable("not rows")
        return ToyReply(response, orjson.loads(response.body), self.textless)

    def row_limit(self, response: WireResponse) -> int | None:
        return int(response.body) if response.body.isdigit() else None


@dataclass
class ToyCodec:
    textless: frozenset[int] = frozenset()
    system: str = "toys"

    def claims(self, method, target):
        return method == "POST" and target.endswith("/search")

    def decode_request(self, request: WireRequest) -> ToyCall:
        try:
            return ToyCall(request, orjson.loads(request.body), self.textless)
        except orjson.JSONDecodeError as error:
            raise Undecodable("not JSON") from error

    def writes(self, method, target):
        return target.split("/")[1] if method == "PUT" and target.endswith("/rows") else None

    def decode_write(self, request: WireRequest):
        try:
            yield from orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise Undecodable("not JSON") from error


@dataclass
class ToyStore:
    """Answers requests in memory; keeps what it was asked. `size` rows, at most `limit` of them at once."""

    size: int = 100
    limit: int | None = None
    says_limit: bool = True
    answer: WireResponse | Exception | None = None
    asked: list[WireRequest] = field(default_factory=list)

    async def fetch(self, request: WireRequest) -> WireResponse:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        rows = [one["rows"] for one in orjson.loads(request.body)["searches"]]
        if self.limit is not None and any(end - first > self.limit for first, end in rows):
            return WireResponse(400, NO_HEADERS, str(self.limit).encode() if self.says_limit else b"no")
        found = [list(range(min(first, self.size), min(end, self.size))) for first, end in rows]
        return WireResponse(200, NO_HEADERS, orjson.dumps(found))
