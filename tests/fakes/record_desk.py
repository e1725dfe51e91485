"""A folder with a recorder that writes to it, and what is in its files."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.policy_evidence import Record
from proxy.records.reader import Records
from proxy.records.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxy.records.recorded import Recorded

SECRET = b"a secret of tests"


@asynccontextmanager
async def recording(folder: Path, *, secret: bytes = SECRET, **settings: object) -> AsyncIterator[Recorder]:
    """Record to a folder; at the end, all that was told is there."""
    recorder = Recorder(Record.model_validate({"folder": str(folder), **settings}), secret=secret)
    recorder.start()
    try:
        yield recorder
    finally:
        await recorder.close()


async def records_in(folder: Path) -> list[Recorded]:
    """Return all records of a folder, none of which is junk."""
    return await asyncio.to_thread(_read, folder)


def _read(folder: Path) -> list[Recorded]:
    records = Records(folder)
    found = list(records)
    assert records.skipped == 0
    return found
