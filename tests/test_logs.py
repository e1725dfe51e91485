"""One JSON object a line, and nothing that a user wrote."""

from __future__ import annotations

import logging
import os
import sys

import orjson
from opentelemetry.sdk.trace import TracerProvider

from proxy.logs import LINES_A_SECOND, MOST_WAITING, Aside, JsonLines, Limiter


def line(message="it happened", *, exc_info=None, **fields):
    record = logging.LogRecord("proxy.x", logging.WARNING, __file__, 1, message, (), exc_info)
    vars(record).update(fields)
    return orjson.loads(JsonLines().format(record))


def test_a_record_is_an_object():
    logged = line(store="docs")

    assert logged.pop("time").endswith("+00:00")
    assert logged == {"level": "warning", "message": "it happened", "logger": "proxy.x", "store": "docs"}


def test_an_error_is_told_by_type_and_place_and_never_by_its_message():
    try:
        {}["secret words of a query"]
    except KeyError:
        logged = line(exc_info=sys.exc_info())

    assert logged["error"] == "KeyError"
    assert "test_logs.py" in logged["frames"][0]
    assert "secret" not in str(logged)


def test_a_line_names_its_span_and_trace():
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("x") as span:
        logged = line()

    context = span.get_span_context()
    assert (logged["trace_id"], logged["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert "trace_id" not in line()


def record(message, at):
    one = logging.makeLogRecord({"name": "proxy.x", "msg": message})
    one.created = at
    return one


def test_a_message_that_repeats_is_cut_short_and_the_next_line_says_by_how_much():
    limiter = Limiter()

    written = [limiter.filter(record("search fell back", 100.5)) for _ in range(500)]
    other = limiter.filter(record("model ready", 100.6))
    later = record("search fell back", 101.2)

    assert sum(written) == LINES_A_SECOND
    assert other
    assert limiter.filter(later)
    assert later.more_like_this == 490
    again = record("search fell back", 102.0)
    assert limiter.filter(again)
    assert not hasattr(again, "more_like_this"), "told once"


def test_nobody_waits_for_who_reads_the_lines_and_what_was_lost_is_told():
    reading, writing = os.pipe()
    with os.fdopen(reading) as read, os.fdopen(writing, "w") as stream:
        handler = Aside(stream)
        handler.setFormatter(JsonLines())
        given = 3 * MOST_WAITING  # far more than the pipe and those that may wait
        for number in range(given):
            handler.handle(logging.makeLogRecord({"msg": "it happened", "number": number}))
        lines = [orjson.loads(read.readline()) for _ in range(MOST_WAITING)]
        while handler._waiting.qsize():
            lines.append(orjson.loads(read.readline()))
        handler.handle(logging.makeLogRecord({"msg": "later"}))
        handler.close()
        stream.close()
        lines += [orjson.loads(line) for line in read]

    *before, later = lines
    numbers = [line["number"] for line in before]
    assert numbers == sorted(set(numbers))
    assert later["message"] == "later"
    # Room comes and goes while lines are written: each that finds some tells what was lost before it.
    assert sum(line.get("lines_lost", 0) for line in lines) == given - len(before) > 0


def test_all_that_was_logged_is_written_at_the_end():
    reading, writing = os.pipe()
    with os.fdopen(reading) as read, os.fdopen(writing, "w") as stream:
        handler = Aside(stream)
        for number in range(100):
            handler.handle(logging.makeLogRecord({"msg": str(number)}))
        handler.close()
        stream.close()

        assert read.read().split() == [str(number) for number in range(100)]
