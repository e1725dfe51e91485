"""Qdrant, REST: `/points/query`, `/points/query/batch` and the older `/points/search`.

A page is cut from one window: a widened search starts at the store's first row, whatever page it is for, and
the offset is applied to the ranking. Hits are moved as raw bytes; one that carries a borrowed payload loses
that alone. `status`, `time` and `usage` are the store's.

Written against qdrant v1.19 (docs/redoc/v1.19.x/openapi.json and src/actix of qdrant/qdrant).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

import orjson

from proxy.codecs import _json
from proxy.codecs._json import Edit, Span
from proxy.codecs._qdrant_payload import Borrowing, borrow
from proxy.codecs._qdrant_query import Kind, Query, Stage, count, read_stage
from proxy.codecs._qdrant_writes import written_collection, written_payloads
from proxy.codecs._vector import numbers
from proxy.errors import Undecodable
from proxy.model import Candidate, Search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.codecs._json import Rows
    from proxy.codecs._qdrant_payload import Restore
    from proxy.codecs.base import FieldsOf, Window
    from proxy.codecs.text import Json, TextFields
    from proxy.model import Ranking, WireRequest, WireResponse

_PATH = re.compile(r"[^?]*/collections/([^/?]+)/points/(query|query/batch|search)/?(?:\?.*)?", re.DOTALL)
# `timeout` of the query string: src/actix/api/read_params.rs. More digits would be a lifetime.
_WHOLE_SECONDS = re.compile(r"[0-9]{1,9}")
# Strict mode's refusal: lib/collection/src/operations/verification of qdrant v1.19.
_TOO_MANY = re.compile(r'Limit exceeded \d+ > (\d{1,9}) for "limit"')


@dataclass(frozen=True, slots=True)
class QdrantOptions:
    """What is done beyond plain searches.

    `batch` reranks batches of several searches too: some clients fuse the parts themselves, by score.
    `prefetch_overfetch` raises the limits of prefetches along with the limit, so that fusion has more to
    fuse; its scores change with it, and so does the order that is fallen back to. `rescored_prefetch` reranks
    searches that already rescore their prefetches inside the store.
    """

    batch: bool = False
    prefetch_overfetch: bool = False
    rescored_prefetch: bool = False


class QdrantHttpCodec:
    """Reads and writes Qdrant's search endpoints. Text paths are dotted paths into the payload."""

    system = "qdrant"

    def __init__(self, fields_of: FieldsOf, options: QdrantOptions) -> None:
        self._fields_of = fields_of
        self._options = options

    def claims(self, method: str, target: str) -> bool:
        """Say whether this is a search. The server takes a trailing slash too."""
        return method == "POST" and _PATH.fullmatch(target) is not None

    def decode_request(self, request: WireRequest) -> QdrantCall:
        """Read a claimed request.

        Raises:
            Undecodable: the store would refuse it, or it is not certainly understood.
        """
        path = _PATH.fullmatch(request.target)
        if path is None:
            raise Undecodable("not a search endpoint")
        collection, endpoint = unquote(path[1]), path[2]
        fields = self._fields_of(collection)
        body, tree, span = request.body, _json.parse(request.body), _json.whole(request.body)
        if endpoint == "query/batch":
            searches = tree.get("searches") if isinstance(tree, dict) else None
            if not isinstance(searches, list) or not searches:
                raise Undecodable("searches is not a list of requests")
            spans = _json.elements(body, _json.members(body, span)["searches"])
            # A batch of one is a plain search: LlamaIndex sends its dense searches like this.
            alone = self._options.batch or len(searches) == 1
            asked = [
                self._read(body, at, one, fields, supported=alone)
                for at, one in zip(spans, searches, strict=True)
            ]
        elif endpoint == "query":
            asked = [self._read(body, span, tree, fields)]
        else:
            asked = [_read_legacy(body, span, tree, fields)]
        return QdrantCall(
            request,
            asked,
            collection=collection,
            endpoint=endpoint,
            fields=fields,
            options=self._options,
        )

    def writes(self, method: str, target: str) -> str | None:
        """Return the name of the collection that points are upserted into."""
        return written_collection(method, target)

    def decode_write(self, request: WireRequest) -> Iterator[str | None]:
        """Yield the texts that searches will find in the points, and None for every step without one.

        Raises:
            Undecodable: it is not certainly understood.
        """
        collection = written_collection(request.method, request.target)
        if collection is None:
            raise Undecodable("not a write")
        fields = self._fields_of(collection)
        for payload in written_payloads(request.body):
            yield fields.read(payload) if isinstance(payload, dict) else None

    def _read(
        self, body: bytes, span: Span, tree: Json, fields: TextFields, *, supported: bool = True
    ) -> _Asked:
        stage = read_stage(body, span, tree)
        assert isinstance(tree, dict)
        supported = supported and stage.understood and stage.limit > 0
        if stage.query.kind is Kind.NEAREST and stage.prefetch:
            supported = supported and self._options.rescored_prefetch
        if stage.query.kind is Kind.FUSION and not stage.prefetch:
            supported = False
        dense = stage.dense
        search = Search(
            stage.limit,
            count(tree, "offset", 0),
            stage.text,
            supported,
            vector=dense.query.vector if dense is not None else None,
            space=dense.space if dense is not None else "",
            filter=stage.filter,
        )
        return _Asked(search, stage, "limit", borrow(tree.get("with_payload"), fields.wanted))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One search of a request, and the places where it is changed."""

    search: Search
    stage: Stage
    limit_key: str
    borrowing: Borrowing

    def widened(self, window: int, *, raise_prefetches: bool) -> list[Edit]:
        """Return the edits that make it ask for `window` rows from the first one on, and for their text."""
        edits = []
        page_end = self.search.offset + self.search.limit
        rows = max(window, page_end)
        if rows != self.search.limit:
            edits.append(self.stage.slot(self.limit_key).filled(b"%d" % rows))
        if self.search.offset:
            edits.append(self.stage.slot("offset").filled(b"0"))
        if self.borrowing.selector is not None:
            edits.append(self.stage.slot("with_payload").filled(self.borrowing.selector))
        if raise_prefetches and rows > page_end:
            # As many rows from each prefetch as are wanted in the end: fewer would bound the fused window,
            # more is not needed, and limits that are larger already are the app's own oversampling.
            edits += [
                stage.slot("limit").filled(b"%d" % rows)
                for stage in self.stage.inner_stages()
                if stage.limit < rows
            ]
        return edits


class QdrantCall:
    """One search request, or a batch of them."""

    database = ""  # the protocol has none

    def __init__(
        self,
        request: WireRequest,
        asked: Sequence[_Asked],
        *,
        collection: str,
        endpoint: str,
        fields: TextFields,
        options: QdrantOptions,
    ) -> None:
        self.collection = collection
        self.searches = tuple(one.search for one in asked)
        self.timeout = _timeout(request.target)
        self._request = request
        self._endpoint = endpoint
        self._asked = asked
        self._fields = fields
        self._options = options
        self._windows: Sequence[Window] = (None,) * len(asked)

    def encode_request(self, windows: Sequence[Window]) -> WireRequest:
        """Return the request that asks for `windows[i]` rows of search i; None leaves it as it is."""
        self._windows = [
            window if search.supported else None
            for search, window in zip(self.searches, windows, strict=True)
        ]
        edits: list[Edit] = []
        for one, window in zip(self._asked, self._windows, strict=True):
            if window is not None:
                edits += one.widened(window, raise_prefetches=self._options.prefetch_overfetch)
        return self._request._replace(body=_json.splice(self._request.body, edits))

    def decode_response(self, response: WireResponse) -> QdrantReply:
        """Read the answer to the request last encoded.

        Raises:
            Undecodable: the answer holds anything that is not certainly understood.
        """
        body, span = response.body, _json.whole(response.body)
        tree = _json.parse(body)
        result = tree.get("result") if isinstance(tree, dict) else None
        if self._endpoint == "query":
            found = [(_points_of(result), _json.rows(body, span, "result", "points"))]
        elif self._endpoint == "search":
            found = [(_hits(result), _json.rows(body, span, "result"))]
        else:
            if not isinstance(result, list) or len(result) != len(self._asked):
                raise Undecodable("the answer is not a list for each search")
            spans = _json.elements(body, _json.members(body, span)["result"])
            found = [
                (_points_of(one), _json.rows(body, at, "points"))
                for one, at in zip(result, spans, strict=True)
            ]
        return QdrantReply(
            response,
            [
                _Points(
                    rows,
                    tuple(_read_hit(hit, self._fields) for hit in hits),
                    None if window is None else one.borrowing.restore,
                )
                for one, window, (hits, rows) in zip(self._asked, self._windows, found, strict=True)
            ],
        )

    def row_limit(self, response: WireResponse) -> int | None:
        """Read the largest limit out of a refusal by strict mode."""
        try:
            tree = _json.parse(response.body)
        except Undecodable:
            return None
        status = tree.get("status") if isinstance(tree, dict) else None
        error = status.get("error") if isinstance(status, dict) else None
        match = _TOO_MANY.search(error) if isinstance(error, str) else None
        return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class _Points:
    """The hits of one search, as bytes and as candidates."""

    rows: Rows
    candidates: tuple[Candidate, ...]
    restore: Restore | None

    def ranked(self, ranking: Ranking) -> Edit:
        """Return the edit that leaves the hits of a ranking, in its order."""
        hits = [self.rows.pieces[index] for index in ranking.order]
        if ranking.scores is not None:
            hits = [
                _rewritten(hit, self.restore, orjson.dumps(score))
                for hit, score in zip(hits, ranking.scores, strict=True)
            ]
        elif self.restore is not None:
            hits = [_rewritten(hit, self.restore, None) for hit in hits]
        return Edit(self.rows.span, b"[" + b",".join(hits) + b"]")


class QdrantReply:
    """The answer to one search, or to a batch of them."""

    def __init__(self, response: WireResponse, points: Sequence[_Points]) -> None:
        self.candidates = tuple(one.candidates for one in points)
        self._response = response
        self._points = points

    def encode_response(self, rankings: Sequence[Ranking]) -> WireResponse:
        """Return the answer with the hits of `rankings`, their payloads as the app asked for them."""
        edits = [one.ranked(ranking) for one, ranking in zip(self._points, rankings, strict=True)]
        return self._response._replace(body=_json.splice(self._response.body, edits))


def _timeout(target: str) -> float | None:
    """Return the tightest of the timeouts in a query string; a sane client sends one."""
    parameters = parse_qsl(target.partition("?")[2])
    given = [value for key, value in parameters if key == "timeout" and _WHOLE_SECONDS.fullmatch(value)]
    return min(map(float, given), default=None)


def _read_legacy(body: bytes, span: Span, tree: Json, fields: TextFields) -> _Asked:
    """Read a SearchRequest: its limit is required and may be called `top`."""
    if not isinstance(tree, dict):
        raise Undecodable("a search request is not an object")
    members = _json.members(body, span)
    named = [key for key in ("limit", "top") if tree.get(key) is not None]
    if len(named) != 1:
        raise Undecodable("a search has one limit")
    limit = count(tree, named[0], 0)
    vector = tree.get("vector")
    named_vector = isinstance(vector, dict) and vector.keys() == {"name", "vector"}
    known = isinstance(vector, list) or named_vector
    stage = Stage(Query(Kind.NEAREST if known else Kind.OTHER), limit, span, members)
    search = Search(
        limit,
        count(tree, "offset", 0),
        supported=known and limit > 0,
        vector=numbers(vector["vector"] if isinstance(vector, dict) and named_vector else vector),
        space=str(vector["name"]) if isinstance(vector, dict) and named_vector else "",
        filter=_json.written(body, members, "filter"),
    )
    return _Asked(search, stage, named[0], borrow(tree.get("with_payload"), fields.wanted))


def _points_of(result: Json) -> list[Json]:
    return _hits(result.get("points") if isinstance(result, dict) else None)


def _hits(points: Json) -> list[Json]:
    if not isinstance(points, list):
        raise Undecodable("the answer has no list of points")
    return points


def _read_hit(hit: Json, fields: TextFields) -> Candidate:
    if not isinstance(hit, dict):
        raise Undecodable("a point is not an object")
    identity, score, payload = hit.get("id"), hit.get("score"), hit.get("payload")
    if type(identity) not in {int, str} or type(score) not in {int, float}:
        raise Undecodable("a point has no id or no score")
    if payload is not None and not isinstance(payload, dict):
        raise Undecodable("a payload is not an object")
    return Candidate(str(identity), fields.read(payload) if payload else None, score)


def _rewritten(hit: bytes, restore: Restore | None, score: bytes | None) -> bytes:
    """Return a hit with the payload that the app asked for, and with another score."""
    kept = []
    for member in _json.fields(hit):
        value: bytes | None = member.value
        if member.key == "payload" and restore is not None:
            value = restore(member.value)
        elif member.key == "score" and score is not None:
            value = score
        if value is not None:
            kept.append(member.holding(value))
    return _json.framed(hit, kept)
