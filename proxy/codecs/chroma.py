"""Chroma, HTTP API v2: `POST .../collections/{id}/query`, a plain nearest-neighbour search without paging.

The answer is column-oriented, `column[query][rank]`, with null for a column that was not asked for. So every
column is permuted alike, one that is not known here is refused, and a borrowed one is null again in the end.
One `n_results` holds for all queries of a batch: the widest window is fetched, the others are cut back here.

Written against the chromadb 1.5.9 server; the shapes are those of tests/cassettes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from proxy.codecs import _json
from proxy.codecs._chroma_columns import read_answer
from proxy.codecs._chroma_names import COLLECTIONS, ChromaNameBook
from proxy.codecs._chroma_writes import written_collection, written_records
from proxy.codecs._vector import numbers
from proxy.codecs.text import TextFields
from proxy.errors import Undecodable
from proxy.model import Candidate, Search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.codecs._chroma_columns import Column
    from proxy.codecs._json import Edit, Span
    from proxy.codecs.base import FieldsOf, Window
    from proxy.codecs.text import Json
    from proxy.model import Ranking, WireRequest, WireResponse

__all__ = ["ChromaCodec", "ChromaNameBook"]

DEFAULT_RESULTS = 10
DEFAULT_INCLUDE = ("documents", "metadatas", "distances")
_IN_METADATA = TextFields()
_QUERY_PATH = re.compile(rf"({COLLECTIONS})/([^/?]+)/query(?:\?.*)?", re.DOTALL)
# Chroma Cloud's quotas: rust/frontend/src/quota/mod.rs of chroma-core/chroma.
_QUOTA = re.compile(r"'Number of results' exceeded quota limit .* exceeds limit of (\d{1,9})", re.DOTALL)


class ChromaCodec:
    """Reads and writes Chroma's query endpoint.

    Text paths are `document` and `metadata.KEY`. Where none are configured the document is read, or else what
    frameworks keep in the metadata, if the app asked for metadata anyway.
    """

    system = "chroma"

    def __init__(self, fields_of: FieldsOf) -> None:
        self._fields_of = fields_of

    def claims(self, method: str, target: str) -> bool:
        """Say whether this is a query. A trailing slash is none: the server answers 404 to it."""
        return method == "POST" and _QUERY_PATH.fullmatch(target) is not None

    def decode_request(self, request: WireRequest) -> ChromaCall:
        """Read a claimed request.

        Raises:
            Undecodable: the store would refuse it, or it is not certainly understood.
        """
        path = _QUERY_PATH.fullmatch(request.target)
        if path is None:
            raise Undecodable("not the query endpoint")
        tree = _json.parse(request.body)
        if not isinstance(tree, dict):
            raise Undecodable("the request is not an object")
        queries = tree.get("query_embeddings")
        if not isinstance(queries, list) or not queries:
            raise Undecodable("query_embeddings is not a list of queries")
        results = tree.get("n_results")
        if results is None:
            results = DEFAULT_RESULTS
        if type(results) is not int or results < 0:
            raise Undecodable("n_results is not a count")
        members = _json.members(request.body, _json.whole(request.body))
        restriction = _json.written(request.body, members, "where", "where_document", "ids")
        return ChromaCall(
            request,
            members=members,
            database=path[1],
            collection=path[2],
            searches=tuple(
                Search(results, supported=results > 0, vector=numbers(query), filter=restriction)
                for query in queries
            ),
            fields=self._fields_of(path[2]),
            include=_include(tree.get("include")),
        )

    def writes(self, method: str, target: str) -> str | None:
        """Return the id of the collection that records are added to or changed in."""
        return written_collection(method, target)

    def decode_write(self, request: WireRequest) -> Iterator[str | None]:
        """Yield the texts that searches will find in the records, and None for every step without one.

        An update of one of several text columns gives a text that no search finds: the other is in the store.

        Raises:
            Undecodable: it is not certainly understood.
        """
        collection = written_collection(request.method, request.target)
        if collection is None:
            raise Undecodable("not a write")
        fields = self._fields_of(collection)
        for document, metadata in written_records(request.body):
            yield _text(fields, document, metadata) or None


class ChromaCall:
    """One query request, with all its queries."""

    timeout = None  # the protocol has no such parameter

    def __init__(
        self,
        request: WireRequest,
        *,
        members: Mapping[str, Span],
        database: str,
        collection: str,
        searches: tuple[Search, ...],
        fields: TextFields,
        include: tuple[str, ...] | None,
    ) -> None:
        self.database = database
        self.collection = collection
        self.searches = searches
        self._request = request
        self._fields = fields
        self._include = include
        self._span = _json.whole(request.body)
        self._members = members
        self._windows: Sequence[Window] = (None,) * len(searches)

    def encode_request(self, windows: Sequence[Window]) -> WireRequest:
        """Return the request for the widest of `windows` and for the columns that hold the text."""
        self._windows = [
            window if search.supported else None
            for search, window in zip(self.searches, windows, strict=True)
        ]
        widest = max((window for window in self._windows if window is not None), default=None)
        if widest is None:
            return self._request
        edits = []
        if widest > self.searches[0].limit:
            edits.append(self._edit("n_results", b"%d" % widest))
        if self._borrowed:
            edits.append(self._edit("include", orjson.dumps([*(self._include or ()), *self._borrowed])))
        return self._request._replace(body=_json.splice(self._request.body, edits))

    def decode_response(self, response: WireResponse) -> ChromaReply:
        """Read the answer to the request last encoded.

        Raises:
            Undecodable: the answer holds anything that is not certainly understood.
        """
        answer = read_answer(response.body, len(self.searches))
        widened = any(window is not None for window in self._windows)
        borrowed = self._borrowed if widened else ()
        return ChromaReply(
            response,
            candidates=self._candidates(answer.columns),
            columns={key: column for key, column in answer.columns.items() if key not in borrowed},
            restored=answer.without(borrowed),
        )

    def row_limit(self, response: WireResponse) -> int | None:
        """Read the quota for rows out of a refusal of Chroma Cloud."""
        try:
            tree = _json.parse(response.body)
        except Undecodable:
            return None
        message = tree.get("message") if isinstance(tree, dict) else None
        match = _QUOTA.search(message) if isinstance(message, str) else None
        return int(match[1]) if match else None

    @property
    def _borrowed(self) -> tuple[str, ...]:
        """The columns that hold the text and that the app did not ask for."""
        asked = DEFAULT_INCLUDE if self._include is None else self._include
        paths = self._fields.paths or ("document",)
        wanted = {
            "documents": "document" in paths,
            "metadatas": any(path.startswith("metadata.") for path in paths),
        }
        return tuple(column for column, needed in wanted.items() if needed and column not in asked)

    def _edit(self, key: str, value: bytes) -> Edit:
        return _json.slot(self._members, self._span, key).filled(value)

    def _candidates(self, columns: Mapping[str, Column]) -> tuple[tuple[Candidate, ...], ...]:
        found = []
        for query, (search, window) in enumerate(zip(self.searches, self._windows, strict=True)):
            # Fetched for another query of the batch, not for this one: rows that nobody asked for.
            visible = slice(search.limit if window is None else max(window, search.limit))
            ids = columns["ids"].values[query][visible]
            documents, metadatas, distances = (
                columns[key].values[query] if key in columns else [None] * len(ids)
                for key in ("documents", "metadatas", "distances")
            )
            found.append(
                tuple(
                    Candidate(identity, _text(self._fields, document, metadata), distance)
                    for identity, document, metadata, distance in zip(
                        ids, documents, metadatas, distances, strict=False
                    )
                )
            )
        return tuple(found)


class ChromaReply:
    """One answer; its columns are those the app asked for."""

    def __init__(
        self,
        response: WireResponse,
        *,
        candidates: tuple[tuple[Candidate, ...], ...],
        columns: Mapping[str, Column],
        restored: Sequence[Edit],
    ) -> None:
        self.candidates = candidates
        self._response = response
        self._columns = columns
        self._restored = restored

    def encode_response(self, rankings: Sequence[Ranking]) -> WireResponse:
        """Return the answer with the rows of `rankings` in every column."""
        edits = list(self._restored)
        for key, column in self._columns.items():
            rows = [
                _distances(ranking.scores)
                if key == "distances" and ranking.scores is not None
                else [query.pieces[index] for index in ranking.order]
                for query, ranking in zip(column.rows, rankings, strict=True)
            ]
            edits += column.holding(rows)
        return self._response._replace(body=_json.splice(self._response.body, edits))


def _text(fields: TextFields, document: Json, metadata: Json) -> str | None:
    """Return the text of a record; None where there is none, in a search's answer as in a write."""
    columns = metadata if isinstance(metadata, dict) else {}
    if fields.paths:
        return fields.read({"document": document, **{f"metadata.{key}": columns[key] for key in columns}})
    if isinstance(document, str) and document and not document.isspace():
        return document
    return _IN_METADATA.read(columns)


def _include(value: Json) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Undecodable("include is not a list")
    asked = tuple(column for column in value if isinstance(column, str))
    if len(asked) != len(value):
        raise Undecodable("include is not a list of columns")
    return asked


def _distances(scores: Sequence[float]) -> list[bytes]:
    """Write scores the way Chroma has them: a distance is lower for the better row."""
    return [orjson.dumps(0.0 - score) for score in scores]
