"""Lines of JSON to queries with their documents, or to what is wrong with them."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import orjson

from proxy.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

# A line is held in memory, several times over; this is a query with some ten thousand pages.
MAX_LINE = 64 * 2**20

Id = str | int


class Document(NamedTuple):
    """A text to rank; `score` is whatever found it gave it, if the input tells."""

    id: Id | None
    text: str
    score: float | None = None


class Query(NamedTuple):
    """What is asked, and what there is to answer it, in the order in which it was found."""

    id: Id
    text: str
    documents: tuple[Document, ...]


class BadLine(Exception):
    """A line that is no query: the key that is wrong, what stands there, and what should."""

    def __init__(self, key: str, value: str, allowed: str) -> None:
        """Keep the three; none of them quotes content."""
        super().__init__(f"{key}: {value} - {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed

    def at(self, file: str, line: int) -> Mistake:
        """Return the same with its place."""
        return Mistake(file, self.key, self.value, self.allowed, line)


def read_queries(file: BinaryIO) -> Iterator[tuple[int, Query | BadLine]]:
    """Yield every line's number, from 1 on, and its query or what is wrong with it; empty lines are left out.

    Ids are remembered, to see that none comes twice, as digests: about 100 bytes a query.
    """
    seen: set[bytes] = set()
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE)
            yield number, BadLine("(line)", f"above {MAX_LINE} bytes", "a shorter one")
            continue
        if not line.strip():
            continue
        try:
            query = parse_query(line)
        except BadLine as bad:
            yield number, bad
            continue
        digest = hashlib.blake2b(orjson.dumps(query.id), digest_size=16).digest()
        if digest in seen:
            yield number, BadLine("id", "the same as before", "an id of its own for every query")
            continue
        seen.add(digest)
        yield number, query


def parse_query(line: bytes) -> Query:
    """Return the query in a line; keys that mean nothing here are ignored.

    Raises:
        BadLine: there is none.
    """
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadLine("(line)", "not JSON", "an object with id, query and documents, in UTF-8") from None
    if not isinstance(data, dict):
        raise BadLine("(line)", "not an object", "an object with id, query and documents")
    documents = data.get("documents")
    if not isinstance(documents, list):
        raise BadLine("documents", _kind(documents), "a list")
    query = Query(
        _id(data.get("id"), "id"),
        _text(data.get("query"), "query"),
        tuple(_document(one, f"documents[{place}]") for place, one in enumerate(documents)),
    )
    ids = [one.id for one in query.documents if one.id is not None]
    if len(set(map(repr, ids))) < len(ids):
        raise BadLine("documents", "an id twice", "an id of its own for every document")
    return query


def _document(value: object, key: str) -> Document:
    if isinstance(value, str):
        return Document(None, _text(value, key))
    if not isinstance(value, dict):
        raise BadLine(key, _kind(value), "a string, or an object with id and text")
    score = value.get("score")
    if score is not None and (type(score) not in (int, float) or not math.isfinite(score)):
        raise BadLine(f"{key}.score", _kind(score), "a number")
    return Document(_id(value.get("id"), f"{key}.id"), _text(value.get("text"), f"{key}.text"), score)


def _id(value: object, key: str) -> Id:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadLine(key, _kind(value), "a string or a whole number")


def _text(value: object, key: str) -> str:
    if isinstance(value, str):
        return value
    raise BadLine(key, _kind(value), "a string")


def _kind(value: object) -> str:
    """Return what a value is, never the value."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "missing")
