"""Entries of one query as one run of bytes: 26 bytes for a score, where objects would take 300.

In a run, little-endian: the last of the ends (uint32 ticks), the number of records (uint32), the records, the
values. A record is: when it ends (uint32 ticks), the length of its value (uint16), the rest of its key (what
follows the shared bytes).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

# Bytes of a run: about a thousand scores. A run is read and written whole, a fifth of a microsecond a score,
# so this also bounds the time that a query over a great many documents takes.
MAX_RUN = 32 * 1024
MAX_TICKS = 2**32 - 1

_HEAD = struct.Struct("<II")


def pack(records: Mapping[bytes, tuple[int, bytes]]) -> bytes:
    """Return a run of (end, value) by the rest of their keys, which are equally long; at least one.

    Of those that are too many the last ones are kept. A value is not longer than `MAX_RUN`.
    """
    one = _record(len(next(iter(records))))
    room, kept = MAX_RUN, 0
    for _, value in reversed(list(records.values())):
        room -= one.size + len(value)
        if room < 0 and kept:
            break
        kept += 1
    last = list(islice(records.items(), len(records) - kept, None))
    return b"".join(
        (
            _HEAD.pack(max(end for _, (end, _) in last), kept),
            *(one.pack(end, len(value), rest) for rest, (end, value) in last),
            *(value for _, (_, value) in last),
        )
    )


def unpack(run: bytes, rest_length: int) -> dict[bytes, tuple[int, bytes]]:
    """Return what was packed, in the same order."""
    one = _record(rest_length)
    at = _HEAD.size + one.size * count(run)
    records: dict[bytes, tuple[int, bytes]] = {}
    for end, length, rest in one.iter_unpack(run[_HEAD.size : at]):
        records[rest] = (end, run[at : at + length])
        at += length
    return records


def count(run: bytes) -> int:
    """Return how many records a run has."""
    return cast("int", _HEAD.unpack_from(run)[1])


def last_end(run: bytes) -> int:
    """Return when the last record of a run ends."""
    return cast("int", _HEAD.unpack_from(run)[0])


@lru_cache(maxsize=64)
def _record(rest_length: int) -> struct.Struct:
    return struct.Struct(f"<IH{rest_length}s")
