"""Evidence in one file of JSON lines, across restarts: what it is, then a line for every collection.

The whole file is written anew and put in the old one's place, so it is always a whole one. It holds numbers
of queries that were counted, from which a guess can be confirmed: only its owner may read it. Everything here
blocks, and each process has a file of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

# To be raised with every change of what is kept that an earlier midrank would misread.
VERSION = 1
_KIND = "midrank evidence"

_log = logging.getLogger(__name__)


class EvidenceFile:
    """A file that may not be there yet, in a folder that is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failing = False
        # A write that nobody waits for any more still comes before the next one.
        self._writing = threading.Lock()

    def read(self) -> list[bytes]:
        """Return the lines that were written last; none if this midrank doesn't understand them."""
        try:
            first, *lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            _log.warning("evidence cannot be read", extra={"path": str(self._path), "error": error.strerror})
            return []
        try:
            told = orjson.loads(first)
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict) or told.get("kind") != _KIND or type(told.get("v")) is not int:
            _log.warning("evidence is damaged; it begins anew", extra={"path": str(self._path)})
            return []
        if told["v"] > VERSION:
            _log.warning("evidence is a later midrank's; it begins anew", extra={"path": str(self._path)})
            return []
        return [line for line in lines if line]

    def write(self, lines: Iterable[bytes]) -> bool:
        """Put lines of JSON in the place of what was there; False, and a line in the log, if that fails."""
        try:
            with self._writing:
                self._replace((orjson.dumps({"kind": _KIND, "v": VERSION}), *lines))
        except OSError as error:
            if not self._failing:
                extra = {"path": str(self._path), "error": error.strerror}
                _log.warning("evidence cannot be kept in a file", extra=extra)
            self._failing = True
            return False
        self._failing = False
        return True

    def _replace(self, lines: Iterable[bytes]) -> None:
        # For its owner alone from the beginning on: mkstemp sees to that.
        number, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(number, "wb") as file:
                file.writelines(line + b"\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
