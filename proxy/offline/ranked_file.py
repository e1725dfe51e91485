"""The output of a run: lines that are only ever appended, so that any beginning of the file is worth keeping.

What may be wrong after a crash is the last line, if it was not written to its end: before the first new line
it is cut off. Lines go to the operating system at once, so a process that is killed loses none; the disk has
them a second later.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from io import FileIO
from typing import TYPE_CHECKING, BinaryIO

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Seconds for which a power cut may cost lines; they are ranked again then.
_SYNC_EVERY = 1.0
_BLOCK = 2**16
# How every line begins.
_BEGINNING = b'{"id":'


class RankedFile:
    """An output file, as one run has it."""

    def __init__(
        self,
        path: Path,
        file: FileIO,
        clock: Callable[[], float] = time.monotonic,
        *,
        lines: str = "rankings",
    ) -> None:
        """Take a file that was opened and locked, see `opened`; `lines` is what people call its lines."""
        self._path = path
        self._called = lines
        self._whole = False
        self._file = file
        self._clock = clock
        self._synced = clock()

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines that are there; to be read to the end before any is appended."""
        with self._path.open("rb") as reader:
            yield from (line for line in reader if line.endswith(b"\n"))

    def append(self, line: bytes) -> None:
        """Write a line, with its end.

        Raises:
            BadConfig: what stands at the end of the file is no part of a line of ours.
        """
        self.mend()
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        if self._clock() - self._synced >= _SYNC_EVERY:
            self.sync()

    def mend(self) -> None:
        """Cut off what a crash has left of a last line; `append` does so, too.

        Raises:
            BadConfig: what stands at the end of the file is no part of a line of ours.
        """
        if not self._whole:
            self._cut_torn_line()
            self._whole = True

    def sync(self) -> None:
        """Wait until the disk has all."""
        os.fsync(self._file.fileno())
        self._synced = self._clock()

    def _cut_torn_line(self) -> None:
        """Cut off what follows the last end of a line, if it may be the beginning of one of ours."""
        end = size = self._file.seek(0, os.SEEK_END)
        torn = b""
        while end > 0 and b"\n" not in torn:
            start = max(0, end - _BLOCK)
            self._file.seek(start)
            torn = self._file.read(end - start) + torn
            end = start
        torn = torn.rpartition(b"\n")[2]
        # After a power cut there may be zeros where lines should be.
        ours = torn.startswith(_BEGINNING) or _BEGINNING.startswith(torn) or not torn.strip(b"\0")
        if not ours:
            allowed = f"{self._called}, the last one of which may be torn"
            raise BadConfig((Mistake(str(self._path), "(end)", "something else", allowed),))
        self._file.truncate(size - len(torn))


class Pipe:
    """An output that nothing can be read from: standard output, for one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def lines(self) -> Iterator[bytes]:
        """Yield nothing."""
        return iter(())

    def append(self, line: bytes) -> None:
        """Write a line, and hand it on at once."""
        self._file.write(line)
        self._file.flush()


@contextmanager
def opened(path: Path, *, option: str = "--out", lines: str = "rankings") -> Iterator[RankedFile]:
    """Open an output file, new or old, for one process at a time; what is in it stays as it is.

    Mistakes are told in the words of the command: the `option` that names the file, and what its `lines` are.

    Raises:
        BadConfig: it can't be written, or another run does.
    """
    try:
        # Unbuffered: what is written is no more ours to lose.
        file = FileIO(path, "a+")
    except OSError as error:
        what = error.strerror or "not writable"
        raise BadConfig((Mistake(str(path), option, what, "a file that can be written"),)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadConfig(
                (Mistake(str(path), option, "another run writes it", "one run at a time"),)
            ) from error
        ranked = RankedFile(path, file, lines=lines)
        try:
            yield ranked
        finally:
            ranked.sync()
