"""The files of a folder of records: segments, each written by one process, and the oldest of them removed.

A name tells when a segment was begun, as in `records-20261123T142000.123456Z-4711-9f3a01c7.jsonl`. What has
another name is somebody else's, and is left alone. Several processes may share a folder.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME = re.compile(r"records-(\d{8}T\d{6}\.\d{6}Z)-\d{1,10}-[0-9a-f]{8}\.jsonl")
_TIME = "%Y%m%dT%H%M%S.%fZ"


class Segment(NamedTuple):
    """A file of ours. `changed` is when it was last written to."""

    path: Path
    begun: datetime
    changed: datetime
    size: int


def segments(folder: Path) -> list[Segment]:
    """Return the segments of a folder, the oldest first.

    Raises:
        OSError: the folder can't be read.
    """
    found = []
    for entry in os.scandir(folder):
        begun = _begun(entry.name)
        if begun is None:
            continue
        # Another process may have removed it meanwhile; and a link is not ours, whatever its name.
        with suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False):
                told = entry.stat(follow_symlinks=False)
                changed = datetime.fromtimestamp(told.st_mtime, UTC)
                found.append(Segment(folder / entry.name, begun, changed, told.st_size))
    return sorted(found, key=lambda segment: (segment.begun, segment.path.name))


def create(folder: Path, now: datetime) -> tuple[Path, int]:
    """Create a segment, and its folder where there is none; return its path and a descriptor to append to.

    Raises:
        OSError: it can't be created.
    """
    # Only what is created here is made private: an existing folder's permissions are its owner's decision.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"records-{now.astimezone(UTC).strftime(_TIME)}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    return folder / name, os.open(folder / name, flags, 0o600)


def remove_old(folder: Path, now: datetime, *, max_bytes: int, keep_days: float) -> None:
    """Remove the segments that were last written to before `keep_days`, and the oldest above `max_bytes`.

    Raises:
        OSError: the folder can't be read, or not be changed.
    """
    found = segments(folder)
    oldest = now - timedelta(days=keep_days)
    total = sum(segment.size for segment in found)
    for segment in found:
        if total > max_bytes or segment.changed < oldest:
            segment.path.unlink(missing_ok=True)
            total -= segment.size


def remove(found: Sequence[Segment], before: datetime | None) -> int:
    """Remove segments, those alone whose last record is older than `before` if that is told; return how many.

    Raises:
        OSError: some can't be removed.
    """
    chosen = [segment for segment in found if before is None or segment.changed < before]
    for segment in chosen:
        segment.path.unlink(missing_ok=True)
    return len(chosen)


def _begun(name: str) -> datetime | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
