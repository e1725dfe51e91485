"""Lines into segments: whole lines or none, and a disk that is full or gone is a number, not an error.

Everything here blocks; one thread may call it.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from proxy.records import segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

_MB = 2**20
# A segment ends at this size, or at a quarter of what the folder may hold; and at this age, so that records
# don't outlive `keep_days` by more than that.
_SEGMENT_BYTES = 8 * _MB
_SEGMENT_AGE = timedelta(hours=1)
# Bytes that wait for the next flush; above it they are written at once.
_BUFFER = 2**18

_log = logging.getLogger(__name__)


class SegmentWriter:
    """Writes to a folder, within its bounds; `now` is the clock by which they age."""

    def __init__(
        self, folder: Path, *, max_bytes: int, keep_days: float, now: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_days = keep_days
        self._now = now
        self._segment_bytes = min(_SEGMENT_BYTES, max_bytes // 4)
        self._open: tuple[Path, int] | None = None
        self._size = 0
        self._oldest = self._begun = self._swept = now()
        self._buffer: list[bytes] = []
        self._waiting = self._lines = 0
        self._well = True
        # Digests of the texts that the segment holds: a text is written once in each.
        self.texts: set[str] = set()
        self.recorded = self.failed = self.bytes = 0

    def start(self) -> None:
        """Remove what is too old, or too much."""
        self._sweep()

    def append(self, at: datetime, *lines: bytes) -> None:
        """Take the lines of one record, its own last, to be written together; records come in their order."""
        if not self._buffer:
            self._oldest = at
        self._buffer += lines
        self._waiting += sum(map(len, lines))
        self._lines += 1
        if self._waiting >= _BUFFER:
            self._write()

    def flush(self) -> None:
        """Write what waits, have the disk take it, and begin another segment where it is time."""
        self._write()
        now = self._now()
        if self._open is not None and now - self._begun >= _SEGMENT_AGE:
            self._end()
        if now - self._swept >= _SEGMENT_AGE:
            self._sweep()

    def close(self) -> None:
        """Write what waits."""
        self._write()
        self._end()

    def _write(self) -> None:
        data, lines = b"".join(self._buffer), self._lines
        self._buffer, self._waiting, self._lines = [], 0, 0
        if not data:
            return
        try:
            self._append(data)
        except OSError as error:
            self.failed += lines
            self._give_up(error)
            return
        self.recorded += lines
        self.bytes += len(data)
        if not self._well:
            self._well = True
            _log.info("records are written again")
        if self._size >= self._segment_bytes:
            self._end()
            self._sweep()

    def _append(self, data: bytes) -> None:
        if self._open is None:
            # Readers merge segments by this: none of its records is older.
            self._begun = self._oldest
            self._open, self._size = segments.create(self._folder, self._begun), 0
        path, file = self._open
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
        if os.fstat(file).st_nlink == 0:
            raise FileNotFoundError(f"{path} is gone")
        self._size += len(data)

    def _give_up(self, error: OSError) -> None:
        """Leave a segment with its whole lines alone; the next write begins another."""
        if self._well:
            self._well = False
            what = error.strerror or "the file is gone"
            _log.warning("records can't be written", extra={"folder": str(self._folder), "error": what})
        if self._open is not None:
            with suppress(OSError):
                os.truncate(self._open[1], self._size)
        self._end()

    def _end(self) -> None:
        self.texts.clear()
        if self._open is None:
            return
        (path, file), self._open = self._open, None
        # On network file systems what could not be written may be told as late as here.
        with suppress(OSError):
            os.close(file)
        # A disk that stays full would else be littered with empty files.
        if not self._size:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Leave room for one more segment below the bound."""
        self._swept = self._now()
        room = self._max_bytes - self._segment_bytes
        with suppress(OSError):
            segments.remove_old(self._folder, self._swept, max_bytes=room, keep_days=self._keep_days)
