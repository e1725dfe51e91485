"""Qdrant's upserts: `PUT .../points`, and those among the operations of `POST .../points/batch`.

Points come as a list, or as columns: `batch` of `PointsBatch` in the server's OpenAPI. What changes a payload
without the whole point is not read: its text may be in the part that stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from proxy.codecs._json_reader import JsonReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.codecs.text import Json

_WRITE_PATH = re.compile(r"[^?]*/collections/([^/?]+)/points(/batch)?/?(?:\?.*)?", re.DOTALL)


def written_collection(method: str, target: str) -> str | None:
    """Return the name of the collection that a request may write points into; None if it does not."""
    path = _WRITE_PATH.fullmatch(target)
    if path is None or method != ("POST" if path[2] else "PUT"):
        return None
    return unquote(path[1])


def written_payloads(body: bytes) -> Iterator[Json]:
    """Yield the payloads of the points, read one by one, and None whenever something else was passed over.

    Raises:
        Undecodable: that is not what the body looks like.
    """
    yield from _payloads(JsonReader(body))


def _payloads(reader: JsonReader) -> Iterator[Json]:
    for key in reader.members():
        if key == b"points":
            for _ in reader.elements():
                yield from _point(reader)
        elif key == b"batch":
            yield from _columns(reader)
        elif key == b"operations":
            for _ in reader.elements():
                yield from _operation(reader)
        else:
            yield from reader.passed()


def _operation(reader: JsonReader) -> Iterator[Json]:
    yield None
    for key in reader.members():
        yield from _payloads(reader) if key == b"upsert" else reader.passed()


def _columns(reader: JsonReader) -> Iterator[Json]:
    for key in reader.members():
        if key == b"payloads":
            for _ in reader.elements():
                yield reader.value()
        else:
            yield from reader.passed()


def _point(reader: JsonReader) -> Iterator[Json]:
    yield None
    for key in reader.members():
        if key == b"payload":
            yield reader.value()
        else:
            yield from reader.passed()
