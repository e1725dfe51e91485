"""Logs as one JSON object a line: constant messages, facts as fields."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime

import orjson

# What `logging` itself puts on a record; everything else came in as a field.
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
            **{key: value for key, value in vars(record).items() if key not in _RECORD},
        }
        if record.exc_info and record.exc_info[0] is not None:
            # The type and the place, never the message: that may quote a query or a document.
            line["error"] = record.exc_info[0].__name__
            line["frames"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return orjson.dumps(line, default=str).decode()


def log_to_stderr(level: str) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
