"""All records of a folder, or of one file, in the order of their time.

Lines that are no records are passed over and counted: the last one of a process that was killed is torn, and
a later midrank may have written some. In memory are the texts of the segments that are open: those alone that
overlap in time, one for each process that wrote at once.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from proxy.errors import BadConfig, Mistake
from proxy.records.recorded import (
    BadRecord,
    NewerRecord,
    RecordedSearch,
    RecordedText,
    from_line,
)
from proxy.records.segments import segments
from proxy.records.transcript import with_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.records.recorded import Recorded

# A search with some hundred long candidates; what is longer is no line of ours.
MAX_LINE = 64 * 2**20
_EVER = datetime.min.replace(tzinfo=UTC)


class _Source(NamedTuple):
    begun: datetime
    path: Path


class Records:
    """Iterate to get them; as often as wanted, each time from the files as they are then."""

    def __init__(
        self,
        path: Path,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        store: str | None = None,
        collection: str | None = None,
    ) -> None:
        """Take a folder of records, or a file of lines, and which are wanted: `since` <= time < `until`.

        Raises:
            BadConfig: there is no such folder or file, or it can't be read.
        """
        self._since = since
        self._until = until
        self._store = store
        self._collection = collection
        self._path = path
        # Lines of the last iteration that are no records, and those of them that a later midrank wrote.
        self.skipped = self.newer = 0
        self._sources()

    def __iter__(self) -> Iterator[Recorded]:
        """Yield the records; of those of one segment, in the order in which they were written."""
        self.skipped = self.newer = 0
        waiting = self._sources()[::-1]
        heads: list[tuple[datetime, int, Recorded, Iterator[Recorded]]] = []
        number = 0
        while waiting or heads:
            # A segment is opened when its turn comes: none of its records is older than it is.
            while waiting and (not heads or waiting[-1].begun <= heads[0][0]):
                number += 1
                _advance(heads, number, self._read(waiting.pop().path))
            if heads:
                _, place, record, rest = heapq.heappop(heads)
                if self._wanted(record):
                    yield record
                _advance(heads, place, rest)

    def _sources(self) -> list[_Source]:
        """Return the files that may hold what is wanted, the oldest first."""
        try:
            if not self._path.is_dir():
                with self._path.open("rb"):
                    return [_Source(_EVER, self._path)]
            found = segments(self._path)
        except OSError as error:
            why = error.strerror or "not readable"
            allowed = "a folder of records, or a file of them"
            raise BadConfig((Mistake(str(self._path), "(records)", why, allowed),)) from error
        return [
            _Source(one.begun, one.path)
            for one in found
            if (self._since is None or one.changed >= self._since)
            and (self._until is None or one.begun < self._until)
        ]

    def _wanted(self, record: Recorded) -> bool:
        return (
            (self._since is None or record.at >= self._since)
            and (self._until is None or record.at < self._until)
            and self._store in (None, record.store)
            and self._collection in (None, record.collection)
        )

    def _read(self, path: Path) -> Iterator[Recorded]:
        texts: dict[str, str] = {}
        # It may have been removed for its age by now.
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            while line := file.readline(MAX_LINE):
                try:
                    record = from_line(line)
                except BadRecord as bad:
                    self.skipped += 1
                    self.newer += isinstance(bad, NewerRecord)
                    continue
                if isinstance(record, RecordedText):
                    texts[record.digest] = record.text
                elif isinstance(record, RecordedSearch):
                    yield with_texts(record, texts)
                else:
                    yield record


def _advance(
    heads: list[tuple[datetime, int, Recorded, Iterator[Recorded]]], place: int, rest: Iterator[Recorded]
) -> None:
    record = next(rest, None)
    if record is not None:
        heapq.heappush(heads, (record.at, place, record, rest))
