"""Where values end in the bytes of a valid JSON document, at the speed of the regular expression engine.

The patterns describe a container with all that it may hold, down to a fixed depth: one match passes over a
whole hit, filter or payload. Arrays of numbers, most bytes of a big answer, are passed over faster still.
"""

from __future__ import annotations

import re

from proxy.errors import Undecodable

# Containers nested deeper than this are refused. Payloads and filters seen in the wild end at six or seven.
MAX_DEPTH = 32

SPACE = b" \t\n\r"
# A string that ends at its first quote is one tight loop; only the others are read escape by escape.
STRING = rb'"(?:[^"]*+"(?<!\\")|(?:[^"\\]++|\\.)*+")'


def _run(container: bytes, repeat: bytes, stop: bytes = b"") -> bytes:
    """Return a pattern for plain bytes (none of `stop`), with strings and containers passed over whole."""
    plain = rb'[^"\[\]{}' + stop + rb"]*+"
    passed = rb"(?:" + STRING + (b"|" + container if container else b"") + rb")"
    return plain + rb"(?:" + passed + plain + rb")" + repeat


def _container() -> bytes:
    pattern = b""
    for _ in range(MAX_DEPTH):
        pattern = rb"[\[{]" + _run(pattern, b"*+") + rb"[\]}]"
    return pattern


_VALUE = re.compile(_container() + b"|" + STRING + rb'|[^\s,"\[\]{}]++', re.DOTALL)
# What stands between two commas. The look-ahead also keeps CPython before 3.11.5 right, which does not step
# back when a possessive group fails half-way (gh-106052).
_PIECE = re.compile(rb"(?:" + _run(_container(), b"++", stop=b",") + rb'|[^",\[\]{}]++)(?=[,\]}])', re.DOTALL)
_EMPTY = re.compile(rb"[\[{]\s*[\]}]")
_STRING = re.compile(STRING, re.DOTALL)
# Bytes that are passed over in some milliseconds, whatever they are: texts and vectors; other containers.
_LONGEST_PLAIN, _LONGEST = 256 * 1024, 128 * 1024


def value_end(body: bytes, at: int) -> int:
    """Return where the value that starts at `at` ends; in what is no valid document, some place behind it.

    Raises:
        Undecodable: it is nested too deeply, or there is no value.
    """
    if body[at : at + 1] == b"[" and (end := _vector_end(body, at)):
        return end
    match = _VALUE.match(body, at)
    if match is None:
        raise Undecodable("nested too deeply, or no value")
    return match.end()


def short_value_end(body: bytes, at: int) -> int | None:
    """Return where the value that starts at `at` ends; None if it is too large or too deep, or there is none.

    Too large is a text or a flat array of numbers above 256 KiB, and another value above 128 KiB.
    """
    end = at + _LONGEST_PLAIN
    if body[at : at + 1] == b"[":
        close = body.find(b"]", at, end)
        if close >= 0 and not any(body.find(other, at + 1, close) >= 0 for other in (b"[", b'"', b"{")):
            return close + 1
    match = _STRING.match(body, at, end) or _VALUE.match(body, at, at + _LONGEST)
    return match.end() if match else None


def pieces(body: bytes, at: int = 0) -> tuple[list[bytes], int]:
    """Return what stands between the commas of the container that opens at `at`, and where that one ends.

    Whitespace is included: joined by commas, between the same brackets, they are the container again, byte
    for byte. What is inside a piece is looked into without an error.

    Raises:
        Undecodable: it is nested too deeply.
    """
    if body[at] == ord("[") and (end := _vector_end(body, at)):
        return _vectors(body[at + 1 : end - 1]), end
    if empty := _EMPTY.match(body, at):
        return [], empty.end()
    found = []
    end = at
    while True:
        match = _PIECE.match(body, end + 1)
        if match is None:
            raise Undecodable("nested too deeply")
        found.append(match[0])
        end = match.end()
        if body[end] != ord(","):
            return found, end + 1


def _vector_end(body: bytes, at: int) -> int | None:
    """Return where an array of numbers, at any depth, ends; None if it holds a string or a key, or is cut.

    Without a quote every bracket counts, and brackets are found and counted at memory speed.
    """
    depth = 0
    while True:
        close = body.find(b"]", at)
        if close < 0 or body.find(b'"', at, close) >= 0:
            return None
        depth += body.count(b"[", at, close) - 1
        at = close + 1
        if depth == 0:
            return at


def _vectors(inner: bytes) -> list[bytes]:
    """Return the pieces of an array that holds numbers, at any depth, and nothing else."""
    if b"[" not in inner:
        return inner.split(b",") if inner.strip(SPACE) else []
    found = []
    at = 0
    while at <= len(inner):
        comma = inner.find(b",", at)
        if comma >= 0 and (opening := inner.find(b"[", at, comma)) >= 0:
            array_end = _vector_end(inner, opening)
            assert array_end is not None
            comma = inner.find(b",", array_end)
        end = len(inner) if comma < 0 else comma
        found.append(inner[at:end])
        at = end + 1
    return found
