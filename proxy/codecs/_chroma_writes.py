"""Chroma's writes, `POST .../collections/{id}/add|upsert|update`: columns of records, as in its answers."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from proxy.codecs._chroma_names import COLLECTIONS
from proxy.codecs._json_reader import JsonReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.codecs.text import Json

_WRITE_PATH = re.compile(COLLECTIONS + r"/([^/?]+)/(?:add|upsert|update)(?:\?.*)?", re.DOTALL)
_TEXT_COLUMNS = (b"documents", b"metadatas")


def written_collection(method: str, target: str) -> str | None:
    """Return the id of the collection that a request writes records into; None if it does not."""
    path = _WRITE_PATH.fullmatch(target) if method == "POST" else None
    return path[1] if path else None


def written_records(body: bytes) -> Iterator[tuple[Json, Json]]:
    """Yield the document and the metadata of each record; None for what the write does not have.

    Two times None come as well whenever a bit of something else has been passed over.

    Raises:
        Undecodable: that is not what the body looks like.
    """
    reader = JsonReader(body)
    columns: dict[bytes, JsonReader] = {}
    for key in reader.members():
        if key in _TEXT_COLUMNS:
            columns[key] = reader.copy()
        for _ in reader.passed():
            yield None, None
    yield from zip_longest(*(_column(columns.get(key)) for key in _TEXT_COLUMNS))


def _column(reader: JsonReader | None) -> Iterator[Json]:
    if reader is None or reader.at_null:
        return
    for _ in reader.elements():
        yield reader.value()
