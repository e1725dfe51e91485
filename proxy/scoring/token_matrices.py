"""Token matrices of known documents, by digest of the text: bounded in bytes, kept in a file if wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from proxy.scoring.matrix_file import MatrixFile
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.scoring.token_matrix import TokenMatrix

Entries: TypeAlias = "tuple[tuple[bytes, TokenMatrix], ...]"

# Seconds between two writes of what is new; what is lost when the process is killed.
_SAVE_EVERY = 5.0
# What an entry takes besides its arrays' contents: key, objects, and its place in the dictionary.
_OVERHEAD = 500

_log = logging.getLogger(__name__)


class TokenMatrices:
    """A cache that forgets what was used longest ago. It lives on the event loop."""

    def __init__(self, max_bytes: int, *, path: Path | None = None) -> None:
        """Bound the memory, and with it the file at `path`, which may grow to twice of that."""
        self._max_bytes = max_bytes
        self._path = path
        self._file: MatrixFile | None = None
        self._entries: OrderedDict[bytes, TokenMatrix] = OrderedDict()
        self._unsaved: dict[bytes, TokenMatrix] = {}
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

    def get(self, key: bytes) -> TokenMatrix | None:
        """Return a document's matrix, and count it as used."""
        if (matrix := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
        return matrix

    def put(self, key: bytes, matrix: TokenMatrix) -> None:
        """Remember a document; what was used longest ago makes room."""
        self._remember(key, matrix)
        if self._file is not None:
            self._unsaved[key] = matrix

    async def open(self, identity: str) -> None:
        """Read the file, if there is one; `identity` says of which model the matrices are."""
        if self._path is None:
            return
        self._file = await asyncio.to_thread(MatrixFile.open, self._path, identity)
        if self._file is None:
            return
        try:
            kept = await asyncio.to_thread(self._file.read, self._max_bytes)
        except OSError as error:
            _log.warning("token matrices not read", extra={"error": str(error)})
            await asyncio.to_thread(self._file.close)
            self._file = None
            return
        for key, matrix in kept:
            self._remember(key, matrix)
        self._saver = self._tasks.spawn(self._save_regularly(), "token-matrices-save")

    async def close(self) -> None:
        """Write what is new and let the file go."""
        if self._saver is not None:
            # Not cancelled: its thread would go on writing to a file that is closed under it.
            self._closing.set()
            await self._saver
        if self._file is not None:
            await self._save()
            await asyncio.to_thread(self._file.close)
            self._file = None

    def _remember(self, key: bytes, matrix: TokenMatrix) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self.nbytes -= old.nbytes + _OVERHEAD
        self._entries[key] = matrix
        self.nbytes += matrix.nbytes + _OVERHEAD
        while self.nbytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.nbytes -= oldest.nbytes + _OVERHEAD

    async def _save_regularly(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SAVE_EVERY):
                    await self._closing.wait()
            await self._save()

    async def _save(self) -> None:
        if self._file is None or not self._unsaved:
            return
        unsaved, self._unsaved = self._unsaved, {}
        try:
            # Everything in memory is written anew when the file has become mostly old records.
            await asyncio.to_thread(
                _write, self._file, tuple(unsaved.items()), tuple(self._entries.items()), 2 * self._max_bytes
            )
        except OSError as error:
            _log.warning("token matrices not saved", extra={"error": str(error)})


def _write(file: MatrixFile, unsaved: Entries, all_entries: Entries, max_size: int) -> None:
    if file.size + sum(matrix.nbytes for _, matrix in unsaved) > max_size:
        file.rewrite(all_entries)
    else:
        file.append(unsaved)
