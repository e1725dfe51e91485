"""Logs as one JSON object a line: constant messages, facts as fields.

Inside a span a line names it and its trace; without tracing it names the trace of a caller who sent one.
Nobody waits for a line to be written: whoever reads them may hang, and searches must not.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from queue import Full, Queue
from typing import TYPE_CHECKING, TextIO

import orjson
from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

# Lines of one message in one second. A store that is gone may have thousands of searches fall back.
LINES_A_SECOND = 10
# The name under which the first line of another second says how many were left out.
LEFT_OUT = "more_like_this"
# Lines that wait for whoever reads them, about 2 MB; what is more is lost. And the name under which the next
# line says how many were.
MOST_WAITING = 4000
LOST = "lines_lost"
# Seconds that lines are waited for at the end.
FLUSH_TIMEOUT = 0.5

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


class Aside(logging.Handler):
    """Writes lines to a stream in a thread of its own; who logs never waits for the stream."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: Queue[str | None] = Queue(MOST_WAITING)
        self._lost = 0
        self._closed_before = False
        self._ended = threading.Event()
        # A daemon: a stream that hangs must not keep the process.
        threading.Thread(target=self._write, name="midrank-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written; where too many wait already, it is lost and counted."""
        if self._lost:
            setattr(record, LOST, self._lost)
        try:
            self._waiting.put_nowait(self.format(record))
            self._lost = 0
        except Full:
            self._lost += 1

    def close(self) -> None:
        """Wait until all is written, but no longer than `FLUSH_TIMEOUT`; `logging` does it at the end."""
        super().close()
        if self._closed_before:
            return
        self._closed_before = True
        with suppress(Full):
            self._waiting.put(None, timeout=FLUSH_TIMEOUT)
            self._ended.wait(FLUSH_TIMEOUT)

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            # Who reads it may have gone: no reason to end.
            with suppress(OSError, ValueError):
                self._stream.write(f"{line}\n")
                self._stream.flush()
        self._ended.set()


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
    handler = Aside(sys.stderr)
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
