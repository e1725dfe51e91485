"""Token matrices in one file, across restarts. It is a cache: what cannot be read is dropped, never an error.

The file is a header, which names the format and the model, and then records, the newest last::

    header   25 bytes  the format's name; a file that begins otherwise is somebody else's, and is left alone
             32 bytes  sha256 of the model's identity
    record   32 bytes  key
              4 bytes  tokens             uint32, little-endian, like all numbers
              4 bytes  dimensions         uint32
              4 bytes  crc32 of the rest  uint32
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
from typing import TYPE_CHECKING, BinaryIO
from zlib import crc32

import numpy as np

from proxy.scoring.token_matrix import TokenMatrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FORMAT = b"midrank token matrices 1\n"
_RECORD = struct.Struct("<32sIII")
# No text is that long and no model that wide: larger numbers are damage, and would be believed by a read.
_MAX_PAYLOAD = 64 * 2**20

_log = logging.getLogger(__name__)


class MatrixFile:
    """An open file that no other process writes to."""

    def __init__(self, file: BinaryIO, header: bytes) -> None:
        self._file = file
        self._header = header

    @classmethod
    def open(cls, path: Path, identity: str) -> MatrixFile | None:
        """Open or create the file in an existing folder; None, and a line in the log, if it can't be used."""
        try:
            file = _open_alone(path)
            start = file.read(len(_FORMAT))
            if start not in (b"", _FORMAT):
                file.close()
                raise FileExistsError("the file holds something else")
        except OSError as error:
            _log.warning(
                "token matrices are not kept in a file", extra={"path": str(path), "error": str(error)}
            )
            return None
        return cls(file, _FORMAT + hashlib.sha256(identity.encode()).digest())

    @property
    def size(self) -> int:
        """The file's length."""
        return self._file.seek(0, os.SEEK_END)

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
        return list(found.items())

    def append(self, entries: Iterable[tuple[bytes, TokenMatrix]]) -> None:
        """Add matrices at the end.

        Raises:
            OSError: the disk is full, or worse.
        """
        self._file.seek(0, os.SEEK_END)
        for key, matrix in entries:
            payload = matrix.scales.astype("<f4").tobytes() + matrix.values.tobytes()
            self._file.write(_RECORD.pack(key, *matrix.values.shape, crc32(payload)) + payload)
        self._file.flush()

    def rewrite(self, entries: Iterable[tuple[bytes, TokenMatrix]]) -> None:
        """Hold these matrices and no others. A crash half-way costs the rest of them, not the file.

        Raises:
            OSError: the disk is full, or worse.
        """
        self._file.seek(0)
        self._file.truncate()
        self._file.write(self._header)
        self.append(entries)

    def close(self) -> None:
        """Close the file, which lets another process have it; what can't be written by now is lost."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _records(self) -> Iterator[tuple[bytes, TokenMatrix]]:
        while head := self._file.read(_RECORD.size):
            start = self._file.tell() - len(head)
            record = self._record(head)
            if record is None:
                _log.warning("token matrices file is damaged; its rest is dropped", extra={"offset": start})
                self._file.seek(start)
                self._file.truncate()
                return
            yield record

    def _record(self, head: bytes) -> tuple[bytes, TokenMatrix] | None:
        if len(head) < _RECORD.size:
            return None
        key, tokens, dimensions, checksum = _RECORD.unpack(head)
        length = tokens * (4 + dimensions)
        if not 0 < length <= _MAX_PAYLOAD:
            return None
        payload = self._file.read(length)
        if len(payload) < length or crc32(payload) != checksum:
            return None
        scales = np.frombuffer(payload, dtype="<f4", count=tokens).astype(np.float32, copy=False)
        values = np.frombuffer(payload, dtype=np.int8, offset=4 * tokens).reshape(tokens, dimensions)
        return key, TokenMatrix(values, scales)


def _open_alone(path: Path) -> BinaryIO:
    """Open a file, and keep other processes out as long as it is open; raise OSError if one has it."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 (not on Windows)

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
    return file
