"""The index of one scope: vectors of one length, found by their sketches and then compared as they are.

A library for approximate search finds no more and takes longer, up to half a million vectors: see
docs/decisions/009-near-query-index.md. All is plain numpy on the calling thread; nothing is ever rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.sketch import WORDS, most_differing, sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# As long as there are so few, comparing all of them is as fast as to look at sketches.
_FEW = 24
# Components that are compared in a search at most, half a millisecond's work. Where everybody asks the same
# with other numbers in it, thousands of queries are near; those with the most similar sketches will do.
_COMPARED = 2**18


@dataclass(slots=True, eq=False)
class Entry:
    """A query in an index, which moves it to other places at will. `vector` holds float16."""

    index: NearIndex
    place: int
    query: str
    vector: bytes
    expires: float


class NearIndex:
    """Entries with vectors of `dims` components. A place is that of an entry, until one is removed."""

    __slots__ = ("_entries", "_sketches", "dims")

    def __init__(self, dims: int) -> None:
        """Start empty."""
        self.dims = dims
        self._entries: list[Entry] = []
        # A row per word, not per entry: the counts of a word's bits are then added in one sweep.
        self._sketches = np.empty((WORDS, 8), np.uint64)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """The memory of the sketches, with the room for more of them."""
        return self._sketches.nbytes

    def add(self, query: str, direction: NDArray[np.float32], expires: float) -> Entry:
        """Take in a query with its unit vector, of which the index keeps a copy."""
        entry = Entry(self, len(self._entries), query, direction.astype(np.float16).tobytes(), expires)
        if entry.place == self._sketches.shape[1]:
            self._resize(2 * entry.place)
        self._sketches[:, entry.place] = sketch(direction)
        self._entries.append(entry)
        return entry

    def remove(self, entry: Entry) -> None:
        """Let go of an entry; the last one takes its place."""
        last = self._entries.pop()
        if last is not entry:
            self._entries[entry.place] = last
            self._sketches[:, entry.place] = self._sketches[:, last.place]
            last.place = entry.place
        if 8 <= len(self._entries) < self._sketches.shape[1] // 4:
            self._resize(self._sketches.shape[1] // 2)

    def near(self, direction: NDArray[np.float32], threshold: float) -> Iterator[tuple[Entry, float]]:
        """Yield the entries with a cosine of at least `threshold` to a unit vector, nearest first.

        The cosine is that to the vector as it is kept, rounded to float16: off by less than .001.
        """
        likely = [self._entries[place] for place in self._likely(direction, threshold)]
        kept = np.frombuffer(b"".join([entry.vector for entry in likely]), np.float16)
        cosines = np.vecdot(kept.reshape(len(likely), self.dims).astype(np.float32), direction)
        for place in np.argsort(-cosines, kind="stable"):
            if cosines[place] < threshold:
                return
            yield likely[place], min(1.0, float(cosines[place]))

    def _likely(self, direction: NDArray[np.float32], threshold: float) -> list[int]:
        """Return the places of the entries that may be near enough, as many as there is time for."""
        count = len(self._entries)
        if count <= _FEW:
            return list(range(count))
        differing = np.bitwise_count(self._sketches[:, :count] ^ sketch(direction)[:, np.newaxis])
        # All 256 of an opposite vector are counted as 0. It is compared then, and is not near.
        total = differing.sum(axis=0, dtype=np.uint8)
        places = np.flatnonzero(total <= most_differing(threshold))
        compared = max(_FEW, _COMPARED // self.dims)
        if len(places) > compared:
            places = places[np.argsort(total[places], kind="stable")[:compared]]
        found: list[int] = places.tolist()
        return found

    def _resize(self, room: int) -> None:
        # Doubling 3 MB, for a hundred thousand entries, takes a millisecond; the vectors stay where they are.
        sketches = np.empty((WORDS, room), np.uint64)
        count = len(self._entries)
        sketches[:, :count] = self._sketches[:, :count]
        self._sketches = sketches
