"""Logs as one JSON object a line: constant messages, facts as fields.

Inside a span a line names it and its trace; without tracing it names the trace of a caller who sent one.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

# Lines of one message in one second. A store that is gone may have thousands of searches fall back.
LINES_A_SECOND = 10
# The name under which the first line of another second says how many were left out.
LEFT_OUT = "more_like_this"

# What `logging` itself puts on a record; everything else came in as a field.
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Messages are constants, so there are a few hundred; other libraries may have some that are not.
_MOST_MESSAGES = 1000


class JsonLines(logging.Formatter):
    """Formats a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
            **_place(),
            **facts(record),
        }
        return orjson.dumps(line, default=str).decode()


class Limiter(logging.Filter):
    """Lets `LINES_A_SECOND` of one message through, and has a later one say how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}  # the second and the lines in it, by message

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is to be written."""
        message, now = (record.name, str(record.msg)), int(record.created)
        if len(self._seen) > _MOST_MESSAGES:
            self._seen.clear()
        second, lines = self._seen.get(message, (now, 0))
        if second != now:
            if lines > LINES_A_SECOND:
                setattr(record, LEFT_OUT, lines - LINES_A_SECOND)
            lines = 0
        self._seen[message] = (now, lines + 1)
        return lines < LINES_A_SECOND


def facts(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what a record tells beside its message."""
    told = {key: value for key, value in vars(record).items() if key not in _RECORD}
    if record.exc_info and record.exc_info[0] is not None:
        # The type and the place, never the message: that may quote a query or a document.
        told["error"] = record.exc_info[0].__name__
        told["frames"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(record.exc_info[2])
        ]
    return told


def log_to_stderr(level: str) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Limiter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _place() -> Mapping[str, str]:
    """Return the ids of the trace and the span in which this is."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    ids = {"trace_id": trace.format_trace_id(current.trace_id)}
    # A remote span is the caller's own: it waits while this happens.
    return ids if current.is_remote else {**ids, "span_id": trace.format_span_id(current.span_id)}
