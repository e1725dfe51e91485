"""Where values end in the bytes of a valid JSON document, at the speed of the regular expression engine.

The patterns describe a container with all that it may hold, down to a fixed depth: one match passes over a hit,
a filter or a payload. Arrays of numbers, most bytes of a big answer, are passed over faster still.
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
# What stands between two commas, or the first byte of something that is nested too deeply. The look-ahead is
# for CPython before 3.11.5, which does not step back when a possessive group fails half-way (gh-106052).
_PIECE = re.compile(
    rb"(?:" + _run(_container(), b"++", stop=b",") + rb'|[^",\[\]{}]++)(?=[,\]}]|\Z)|["\[{]', re.DOTALL
)
_TOO_DEEP = frozenset((b'"', b"[", b"{"))


def value_end(body: bytes, at: int) -> int:
    """Return where the value that starts at `at` ends.

    Raises:
        Undecodable: it is nested too deeply.
    """
    if body[at] == ord("[") and (end := _vector_end(body, at)):
        return end
    match = _VALUE.match(body, at)
    if match is None:
        raise Undecodable("nested too deeply")
    return match.end()


def between_commas(inner: bytes) -> list[bytes]:
    """Return what stands between the commas of what a container holds, whitespace included.

    Raises:
        Undecodable: it is nested too deeply.
    """
    if not inner or inner.isspace():
        return []
    if b"[" in inner and b'"' not in inner and b"{" not in inner:
        return _vectors(inner)
    found: list[bytes] = _PIECE.findall(inner)
    if not _TOO_DEEP.isdisjoint(found):
        raise Undecodable("nested too deeply")
    return found
