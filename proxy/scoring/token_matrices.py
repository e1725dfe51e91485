"""Token matrices of known documents, by digest of the text: bounded in bytes, kept in a file if wanted.

When memory is full, a document gets in only if it was wanted more often of late than each of those that would
have to go for it. Without that condition searches over a few more documents than fit would find none of them
known: each would have gone just before its turn comes again. And a document that was only written, and never
wanted, takes room that is free and no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.matrix_file import MatrixFile
from proxy.scoring.use_counts import UseCounts
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.scoring.token_matrix import TokenMatrix

# Seconds between two writes of what is new; what is lost when the process is killed.
_SAVE_EVERY = 5.0
# What an entry takes besides its arrays' contents: key, objects, and its place in the dictionary.
_OVERHEAD = 500
# A page of text, 384 dimensions: a guess that only says how many documents are worth counting uses for.
_USUAL_SIZE = 40_000
# Documents that are listed for a rewrite between two looks at the event loop: about a millisecond.
_LISTED_AT_ONCE = 4096

_log = logging.getLogger(__name__)


class TokenMatrices:
    """A cache that forgets what was used longest ago, for what was used more. It lives on the event loop."""

    def __init__(self, max_bytes: int, *, path: Path | None = None) -> None:
        """Bound the memory, and with it the file at `path`, which may grow to twice of that."""
        self._max_bytes = max_bytes
        self._path = path
        self._file: MatrixFile | None = None
        self._entries: OrderedDict[bytes, TokenMatrix] = OrderedDict()
        self._uses = UseCounts(max_bytes // _USUAL_SIZE)
        self._unsaved: dict[bytes, TokenMatrix] = {}
        self._largest = 0
        self._tasks = Tasks()
        self._closing = asyncio.Event()
        self._saver: asyncio.Task[None] | None = None
        self.nbytes = 0

    def __len__(self) -> int:
        """Count the documents."""
        return len(self._entries)

    def __contains__(self, key: bytes) -> bool:
        """Say whether a document is known, without counting as a use."""
        return key in self._entries

    @property
    def has_room(self) -> bool:
        """Whether a document as large as any so far could be kept without another one being forgotten."""
        return self.nbytes + self._largest <= self._max_bytes

    def get(self, key: bytes) -> TokenMatrix | None:
        """Return a document's matrix, and count it as wanted, known or not."""
        self._uses.add(key)
        if (matrix := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
        return matrix

    def would_keep(self, key: bytes) -> bool:
        """Say whether it is worth while to encode a document that nobody waits for."""
        return key not in self._entries and (self.has_room or self._outdoes_first(key))

    def put(self, key: bytes, matrix: TokenMatrix) -> None:
        """Remember a document, if there is room or if it is wanted more than those that would make it."""
        size = matrix.nbytes + _OVERHEAD
        self._largest = max(self._largest, size)
        if key in self._entries or not self._make_room(size, self._uses.of(key)):
            return
        self._entries[key] = matrix
        self.nbytes += size
        if self._file is not None:
            self._unsaved[key] = matrix

    async def open(self, identity: str) -> None:
        """Read the file, if there is one; `identity` says of which model the matrices are.

        Comes before the first document is put.
        """
        if self._path is None:
            return
        self._file = await asyncio.to_thread(MatrixFile.open, self._path, identity)
        if self._file is None:
            return
        try:
            kept = await asyncio.to_thread(_read, self._file, self._max_bytes)
        except OSError as error:
            _log.warning("token matrices not read", extra={"error": str(error)})
            await asyncio.to_thread(self._file.close)
            self._file = None
            return
        self._entries, self.nbytes, self._largest = kept
        self._saver = self._tasks.spawn(self._save_regularly(), "token-matrices-save")

    async def close(self) -> None:
        """Write what is new and let the file go; what can't be written is lost."""
        if self._saver is not None:
            # Not cancelled: its thread would go on writing to a file that is closed under it.
            self._closing.set()
            await self._saver
        if self._file is not None:
            await self._save()
            await asyncio.to_thread(self._file.close)
            self._file = None

    def _outdoes_first(self, key: bytes) -> bool:
        """Say whether a document is wanted more than the one that would be the first to go."""
        first = next(iter(self._entries), None)
        return first is not None and self._uses.of(key) > self._uses.of(first)

    def _make_room(self, size: int, uses: int) -> bool:
        """Forget documents until another one fits, or none if one of them was wanted as often."""
        missing = self.nbytes + size - self._max_bytes
        leaving: list[bytes] = []
        for key, matrix in self._entries.items():
            if missing <= 0 or self._uses.of(key) >= uses:
                break
            leaving.append(key)
            missing -= matrix.nbytes + _OVERHEAD
        if missing > 0:
            return False
        for key in leaving:
            self.nbytes -= self._entries.pop(key).nbytes + _OVERHEAD
        return True

    async def _save_regularly(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SAVE_EVERY):
                    await self._closing.wait()
            await self._save()

    async def _save(self) -> None:
        """Write what is new; if that fails, it stays new. Never raises."""
        if self._file is None or not self._unsaved:
            return
        unsaved, self._unsaved = self._unsaved, {}
        size = self._file.size
        try:
            # Everything in memory is written anew when the file is lost, or has become mostly old records.
            if size == 0 or size + sum(matrix.nbytes for matrix in unsaved.values()) > 2 * self._max_bytes:
                await asyncio.to_thread(self._file.rewrite, await self._listed())
            else:
                await asyncio.to_thread(self._file.append, unsaved.items())
        except Exception as error:  # noqa: BLE001 (a cache that can't be kept is no reason to stop)
            _log.warning("token matrices not saved", extra={"error": str(error)})
            # What has been forgotten meanwhile must not be held in memory by a disk that is full.
            still_known = {key: matrix for key, matrix in unsaved.items() if key in self._entries}
            self._unsaved = still_known | self._unsaved

    async def _listed(self) -> list[tuple[bytes, TokenMatrix]]:
        """Return all documents, but for those that come or go meanwhile: a new one is saved the next time."""
        keys = list(self._entries)
        listed: list[tuple[bytes, TokenMatrix]] = []
        for start in range(0, len(keys), _LISTED_AT_ONCE):
            some = keys[start : start + _LISTED_AT_ONCE]
            listed += [(key, self._entries[key]) for key in some if key in self._entries]
            await asyncio.sleep(0)
        return listed


class _Kept(NamedTuple):
    """What a file held, with its size in memory and that of its largest document."""

    entries: OrderedDict[bytes, TokenMatrix]
    nbytes: int
    largest: int


def _read(file: MatrixFile, max_bytes: int) -> _Kept:
    """Return what a file holds, the newest of it if it is too much. Blocks.

    Raises:
        OSError: it can't be read.
    """
    fitting: list[tuple[bytes, TokenMatrix]] = []
    nbytes = largest = 0
    for key, matrix in reversed(file.read(max_bytes)):
        size = matrix.nbytes + _OVERHEAD
        if nbytes + size > max_bytes:
            break
        nbytes += size
        largest = max(largest, size)
        fitting.append((key, matrix))
    return _Kept(OrderedDict(reversed(fitting)), nbytes, largest)
