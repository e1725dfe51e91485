"""How often a document was wanted lately, also of those that are not kept: a count-min sketch that ages.

Cormode & Muthukrishnan, "An improved data stream summary: the count-min sketch", J. Algorithms 55(1), 2005.
Halving all counts now and then makes them recent ones, as in TinyLFU (Einziger et al., arXiv 1512.00727).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Counters of a document, one in each row: the more rows, the less likely that others share all of them.
_ROWS = 4
_PLACES = struct.Struct(f"<{_ROWS}I")
_MAX_COUNT = 255
_HALF = bytes(count // 2 for count in range(_MAX_COUNT + 1))
# Uses between two halvings, for every counter of a row. Far from 255 for each, so that few counters are full.
_AGE_AFTER = 4


class UseCounts:
    """Counts by digest: too low by ageing only, seldom too high; some bytes for every document expected."""

    def __init__(self, documents: int) -> None:
        """Start with zeros, and with counters enough for so many documents of interest."""
        self._width = 1 << max(10, documents.bit_length() + 1)
        self._rows = [bytearray(self._width) for _ in range(_ROWS)]
        self._uses = 0

    def add(self, digest: bytes) -> None:
        """Count a use of a document; its digest is evenly spread, and not shorter than 16 bytes."""
        for row, place in self._counters(digest):
            if row[place] < _MAX_COUNT:
                row[place] += 1
        self._uses += 1
        if self._uses >= _AGE_AFTER * self._width:
            self._rows = [row.translate(_HALF) for row in self._rows]
            self._uses = 0

    def of(self, digest: bytes) -> int:
        """Return how often a document was used lately."""
        return min(row[place] for row, place in self._counters(digest))

    def _counters(self, digest: bytes) -> Iterator[tuple[bytearray, int]]:
        for row, number in zip(self._rows, _PLACES.unpack_from(digest), strict=True):
            yield row, number % self._width
