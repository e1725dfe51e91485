"""A query and its vector as bytes, the way replicas tell each other what was asked.

Little-endian: version (1 byte), seconds since 1970 when it was asked (4), scope (16), dimensions (2), bytes
of the text (2), the unit vector in float16, the text in UTF-8. Another version is not understood: replicas of
two releases then learn nothing from each other, and nothing wrong.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.scoring.sketch import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCOPE_BYTES = 16
# Longer vectors than those of any embedding model are neither kept nor shared, nor are texts of a page.
MAX_DIMS = 8192
MAX_QUERY_BYTES = 4096

_VERSION = 1
_HEAD = struct.Struct(f"<BI{SCOPE_BYTES}sHH")
_COMPONENT = np.dtype("<f2")
_LAST_SECOND = 2**32 - 1


class NearEntry(NamedTuple):
    """A query that was asked in a scope, a digest of 16 bytes, `asked` seconds after the start of 1970 (UTC).

    `vector` is float32, shape (dims,).
    """

    scope: bytes
    vector: NDArray[np.float32]
    query: str
    asked: float

    def age(self, now: float) -> float:
        """Return the seconds since it was asked, by the receiver's clock.

        The receiver takes them off the time to live that it gives to entries of its own. A clock that is
        behind the sender's makes the entry young, not immortal; one that is ahead shortens its life.
        """
        return max(0.0, now - self.asked)


def encode(entry: NearEntry) -> bytes | None:
    """Return the message; None for an entry that is not worth sharing, or can't be."""
    direction, text = unit(entry.vector), text_bytes(entry.query)
    if len(entry.scope) != SCOPE_BYTES or direction is None or len(direction) > MAX_DIMS or text is None:
        return None
    asked = int(min(max(0.0, entry.asked), _LAST_SECOND))
    head = _HEAD.pack(_VERSION, asked, entry.scope, len(direction), len(text))
    return head + direction.astype(_COMPONENT).tobytes() + text


def decode(message: bytes) -> NearEntry:
    """Read a message; the vector is a unit vector but for rounding.

    Raises:
        ValueError: it is none of this version, or damaged.
    """
    if len(message) < _HEAD.size:
        raise ValueError("too short for an entry")
    version, asked, scope, dims, text_length = _HEAD.unpack_from(message)
    if version != _VERSION:
        raise ValueError(f"version {version}, not {_VERSION}")
    end = _HEAD.size + dims * _COMPONENT.itemsize
    if dims > MAX_DIMS or text_length > MAX_QUERY_BYTES or len(message) != end + text_length:
        raise ValueError("not of the length it says")
    vector = unit(np.frombuffer(message, _COMPONENT, dims, _HEAD.size))
    if vector is None:
        raise ValueError("a vector without a direction")
    return NearEntry(scope, vector, message[end:].decode(), asked)


def text_bytes(query: str) -> bytes | None:
    """Return a query in UTF-8; None if it is too long, or no proper Unicode."""
    try:
        text = query[: MAX_QUERY_BYTES + 1].encode()
    except UnicodeEncodeError:
        return None
    return text if len(text) <= MAX_QUERY_BYTES else None
