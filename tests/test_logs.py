"""One JSON object a line, and nothing that a user wrote."""

from __future__ import annotations

import logging
import sys

import orjson

from proxy.logs import JsonLines


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
