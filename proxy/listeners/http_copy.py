"""A copy of a body that streams through, for those who look at it afterwards."""

from __future__ import annotations


class Copy:
    """What a body held, if it went through whole and is not larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._room = limit
        self._pieces: list[bytes] = []
        self._ended = False

    def add(self, piece: bytes) -> None:
        """Keep a piece, if all of them fit; none of them otherwise."""
        self._room -= len(piece)
        if self._room >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def end(self) -> None:
        """Note that this was all."""
        self._ended = True

    @property
    def body(self) -> bytes | None:
        """The whole body; None if a part of it is missing."""
        return b"".join(self._pieces) if self._ended and self._room >= 0 else None
