"""Chroma's column-oriented answer: `column[query][rank]`, null where a column was not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.codecs import _json
from proxy.codecs._json import Edit
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from proxy.codecs._json import Rows, Span
    from proxy.codecs.text import Json

_NULL = type(None)
# Every column with a value for each row, and the types that value may have.
COLUMNS: Mapping[str, frozenset[type]] = {
    "ids": frozenset((str,)),
    "embeddings": frozenset((list, _NULL)),
    "documents": frozenset((str, _NULL)),
    "uris": frozenset((str, _NULL)),
    "metadatas": frozenset((dict, _NULL)),
    "distances": frozenset((int, float, _NULL)),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where it stands and, query by query, its rows as values and as bytes."""

    span: Span
    values: Sequence[Sequence[Any]]
    rows: Sequence[Rows]

    def holding(self, rows: Iterable[Iterable[bytes]]) -> list[Edit]:
        """Return the edits that put other rows into the column, query by query."""
        return [
            Edit(old.span, b"[" + b",".join(new) + b"]") for old, new in zip(self.rows, rows, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns that are not null, `ids` among them, and where the answer says what it includes."""

    body: bytes
    columns: Mapping[str, Column]
    include: Span | None

    def without(self, borrowed: Collection[str]) -> list[Edit]:
        """Return the edits after which it looks as if the borrowed columns had not been asked for.

        Raises:
            Undecodable: it does not say what it includes.
        """
        if not borrowed:
            return []
        if self.include is None or self.body[self.include.start] != ord("["):
            raise Undecodable("the answer does not say what it includes")
        said = _json.rows(self.body, self.include).pieces
        kept = [piece for piece in said if orjson.loads(piece) not in borrowed]
        return [
            Edit(self.include, b"[" + b",".join(kept) + b"]"),
            *(Edit(self.columns[key].span, b"null") for key in borrowed if key in self.columns),
        ]


def read_answer(body: bytes, queries: int) -> Answer:
    """Return the answer to so many queries.

    Raises:
        Undecodable: there is a column that is not known here, or one that is not shaped like `ids`.
    """
    tree = _json.parse(body)
    if not isinstance(tree, dict):
        raise Undecodable("the answer is not an object")
    if any(value is not None for key, value in tree.items() if key not in COLUMNS and key != "include"):
        raise Undecodable("the answer has an unknown column")
    ids = tree.get("ids")
    if not isinstance(ids, list) or len(ids) != queries or not all(isinstance(rows, list) for rows in ids):
        raise Undecodable("ids are not a list for each query")
    spans = _json.members(body, _json.whole(body))
    lengths = [len(rows) for rows in ids]
    columns = {
        key: _column(key, tree[key], lengths, body, spans[key])
        for key in COLUMNS
        if tree.get(key) is not None
    }
    return Answer(body, columns, spans.get("include"))


def _column(key: str, value: Json, lengths: Sequence[int], body: bytes, span: Span) -> Column:
    if not isinstance(value, list) or len(value) != len(lengths):
        raise Undecodable(f"{key} is not a list for each query")
    values: list[list[Any]] = []
    for rows, length in zip(value, lengths, strict=True):
        if not isinstance(rows, list) or len(rows) != length or not COLUMNS[key].issuperset(map(type, rows)):
            raise Undecodable(f"{key} is not a column of rows")
        values.append(rows)
    return Column(span, values, [*_json.rows_of_each(body, span)])
