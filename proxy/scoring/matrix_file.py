"""Token matrices in one file, across restarts. It is a cache: what cannot be read is dropped, never an error.

The file is a header, which names the format and the model, and then records, the newest last::

    header   25 bytes  the format's name; a file that begins otherwise is somebody else's, and is left alone
             32 bytes  sha256 of the layout of records and the model's identity
    record   32 bytes  key
              4 bytes  tokens             uint32, little-endian, like all numbers
              4 bytes  dimensions         uint32
              4 bytes  crc32 of all else  uint32
              4 x tokens                  scales, float32
              tokens x dimensions         values, int8

Everything here blocks; one thread at a time may call it. The matrices tell about the documents, so only the
file's owner may read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import struct
import sys
from io import FileIO
from itertools import chain
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from proxy.scoring.token_matrix import TokenMatrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FORMAT = b"midrank token matrices 1\n"
# To be raised with every change of what a record is: what is there is then dropped, like another model's.
_LAYOUT = 2
_HEAD = struct.Struct("<32sII")
_CHECKSUM = struct.Struct("<I")
_RECORD_SIZE = _HEAD.size + _CHECKSUM.size
# No text is that long and no model that wide: larger numbers are damage, and would be believed by a read.
_MAX_PAYLOAD = 64 * 2**20

_log = logging.getLogger(__name__)


class MatrixFile:
    """An open file that no other process writes to. What is written is there whole, or not at all."""

    def __init__(self, file: FileIO, header: bytes) -> None:
        self._file = file
        self._header = header
        # The length of what is whole: 0 before the first read, and after a rewrite that failed.
        self.size = 0

    @classmethod
    def open(cls, path: Path, identity: str) -> MatrixFile | None:
        """Open or create the file in an existing folder; None, and a line in the log, if it can't be used."""
        try:
            file = _open_ours(path)
        except OSError as error:
            _log.warning(
                "token matrices are not kept in a file", extra={"path": str(path), "error": str(error)}
            )
            return None
        return cls(file, _FORMAT + hashlib.sha256(f"{_LAYOUT} {identity}".encode()).digest())

    def read(self, max_bytes: int) -> list[tuple[bytes, TokenMatrix]]:
        """Return the newest matrices that fit into `max_bytes`, oldest first; forget what is damaged."""
        self._file.seek(0)
        header = self._file.read(len(self._header))
        if header != self._header:
            if header:
                _log.info("token matrices of another model are dropped")
            self.rewrite(())
            return []
        found: dict[bytes, TokenMatrix] = {}
        nbytes = 0
        for key, matrix in self._records():
            found.pop(key, None)
            found[key] = matrix
            nbytes += matrix.nbytes
            while nbytes > max_bytes:
                nbytes -= found.pop(next(iter(found))).nbytes
        self.size = self._file.tell()
        return list(found.items())

    def append(self, entries: Iterable[tuple[bytes, TokenMatrix]]) -> None:
        """Add matrices at the end.

        Raises:
            OSError: the disk is full, or worse.
        """
        self._extend(map(_packed, entries))

    def rewrite(self, entries: Iterable[tuple[bytes, TokenMatrix]]) -> None:
        """Hold these matrices and no others. A crash half-way costs the rest of them, not the file.

        Raises:
            OSError: the disk is full, or worse; the file is empty then, and waits for the next rewrite.
        """
        self._file.truncate(0)
        self.size = 0
        self._extend(chain((self._header,), map(_packed, entries)))

    def close(self) -> None:
        """Close the file, which lets another process have it; what can't be written by now is lost."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _extend(self, pieces: Iterable[bytes]) -> None:
        """Write all of these behind what is whole, or nothing."""
        self._file.seek(self.size)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._file.write(rest) :]
        except OSError:
            # Nothing would be read behind a torn record. If this fails too, the next one writes over it.
            with contextlib.suppress(OSError):
                self._file.truncate(self.size)
            raise
        self.size = self._file.tell()

    def _records(self) -> Iterator[tuple[bytes, TokenMatrix]]:
        while head := self._file.read(_RECORD_SIZE):
            start = self._file.tell() - len(head)
            record = self._record(head)
            if record is None:
                _log.warning("token matrices file is damaged; its rest is dropped", extra={"offset": start})
                self._file.seek(start)
                self._file.truncate()
                return
            yield record

    def _record(self, head: bytes) -> tuple[bytes, TokenMatrix] | None:
        if len(head) < _RECORD_SIZE:
            return None
        key, tokens, dimensions = _HEAD.unpack_from(head)
        (checksum,) = _CHECKSUM.unpack_from(head, _HEAD.size)
        length = tokens * (4 + dimensions)
        if not 0 < length <= _MAX_PAYLOAD:
            return None
        payload = self._file.read(length)
        if len(payload) < length or _checksum(head[: _HEAD.size], payload) != checksum:
            return None
        scales = np.frombuffer(payload, dtype="<f4", count=tokens).astype(np.float32, copy=False)
        values = np.frombuffer(payload, dtype=np.int8, offset=4 * tokens).reshape(tokens, dimensions)
        return key, TokenMatrix(values, scales)


def _packed(entry: tuple[bytes, TokenMatrix]) -> bytes:
    key, matrix = entry
    payload = matrix.scales.astype("<f4").tobytes() + matrix.values.tobytes()
    head = _HEAD.pack(key, *matrix.values.shape)
    return head + _CHECKSUM.pack(_checksum(head, payload)) + payload


def _checksum(head: bytes, payload: bytes) -> int:
    """Return the checksum of all of a record: a matrix under another's key is as wrong as another matrix."""
    return crc32(payload, crc32(head))


def _open_ours(path: Path) -> FileIO:
    """Open a file for its owner alone, and keep other processes out as long as it is open.

    Raises:
        OSError: another process has it, or it holds something else.
    """
    # Unbuffered: what can't be written must not be tried again at the next occasion.
    file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    try:
        if sys.platform != "win32":
            import fcntl  # noqa: PLC0415 (not on Windows)

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if file.read(len(_FORMAT)) not in (b"", _FORMAT):
            raise FileExistsError("the file holds something else")
        if sys.platform != "win32":
            os.fchmod(file.fileno(), 0o600)
    except OSError:
        file.close()
        raise
    return file
