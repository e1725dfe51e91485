"""Chroma's writes, `POST .../collections/{id}/add|upsert|update`: columns of records, as in its answers."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from proxy.codecs._chroma_names import COLLECTIONS
from proxy.codecs._json_reader import JsonReader
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.codecs.text import Json

_WRITE_PATH = re.compile(COLLECTIONS + r"/([^/?]+)/(?:add|upsert|update)(?:\?.*)?", re.DOTALL)
_TEXT_COLUMNS = {b"documents", b"metadatas"}


def written_collection(method: str, target: str) -> str | None:
    """Return the id of the collection that a request writes records into; None if it does not."""
    path = _WRITE_PATH.fullmatch(target) if method == "POST" else None
    return path[1] if path else None


def written_records(body: bytes) -> Iterator[tuple[Json, Json]]:
    """Yield the document and the metadata of each record; None where the write has none.

    Raises:
        Undecodable: that is not what the body looks like.
    """
    reader = JsonReader(body)
    columns = {key: _column(reader.value()) for key in reader.members() if key in _TEXT_COLUMNS}
    documents, metadatas = (columns.get(key, []) for key in (b"documents", b"metadatas"))
    yield from zip_longest(documents, metadatas)


def _column(value: Json) -> list[Json]:
    if value is not None and not isinstance(value, list):
        raise Undecodable("a column is not a list")
    return value or []
