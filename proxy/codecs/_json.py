"""JSON changed in place: a tree to decide by, byte spans to cut along.

`orjson` is the only judge of what JSON is; all that follows may assume a valid document. What is not edited
keeps its bytes: integers above 64 bits, the text form of floats, key order, escapes, whitespace.

Four ways to look into a container, each one level deep and in order of appearance:

    members(body, span)   key -> where its value stands, for edits of a body in place
    elements(body, span)  where the elements of an array stand
    pieces(text)          the bytes between the commas, for rows that are picked and joined again
    fields(text)          the members of an object as bytes, for rows that lose or change one
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from proxy.codecs.text import Json

# Containers nested deeper than this are refused. Payloads and filters seen in the wild end at six or seven.
MAX_DEPTH = 32

_SPACE = b" \t\n\r"
# A string that ends at its first quote is one tight loop; only the others are read escape by escape.
_STRING = rb'"(?:[^"]*+"(?<!\\")|(?:[^"\\]++|\\.)*+")'


def _run(container: bytes, repeat: bytes, stop: bytes = b"") -> bytes:
    """Return a pattern for plain bytes (none of `stop`), with strings and containers passed over whole."""
    plain = rb'[^"\[\]{}' + stop + rb"]*+"
    passed = rb"(?:" + _STRING + (b"|" + container if container else b"") + rb")"
    return plain + rb"(?:" + passed + plain + rb")" + repeat


def _container() -> bytes:
    pattern = b""
    for _ in range(MAX_DEPTH):
        pattern = rb"[\[{]" + _run(pattern, b"*+") + rb"[\]}]"
    return pattern


_VALUE = re.compile(_container() + b"|" + _STRING + rb'|[^\s,"\[\]{}]++', re.DOTALL)
# What stands between two commas, or the first byte of something that is nested too deeply. The look-ahead is
# for CPython before 3.11.5, which does not step back when a possessive group fails half-way (gh-106052).
_PIECE = re.compile(
    rb"(?:" + _run(_container(), b"++", stop=b",") + rb'|[^",\[\]{}]++)(?=,|\Z)|["\[{]', re.DOTALL
)
_TOO_DEEP = frozenset((b'"', b"[", b"{"))
_KEY = re.compile(rb"[\s,]*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_SEPARATOR = re.compile(rb"[\s,]*")


class Span(NamedTuple):
    """Where a value stands in a body, without the whitespace around it."""

    start: int
    end: int


class Edit(NamedTuple):
    """Bytes to stand where `span` stood; an empty span inserts."""

    span: Span
    value: bytes


class Slot(NamedTuple):
    """Where a member's value goes: over the one that stands there, or in front of all other members."""

    span: Span
    before: bytes = b""
    after: bytes = b""

    def filled(self, value: bytes) -> Edit:
        """Return the edit that puts `value` here."""
        return Edit(self.span, self.before + value + self.after)


class Member(NamedTuple):
    """One member of an object, as bytes: `head` is its key and colon, `tail` the whitespace behind it."""

    key: str
    head: bytes
    value: bytes
    tail: bytes

    def holding(self, value: bytes) -> bytes:
        """Return the member with another value."""
        return self.head + value + self.tail


def parse(body: bytes) -> Json:
    """Return the tree of a JSON document.

    Raises:
        Undecodable: it is not JSON in UTF-8, or nested deeper than orjson reads.
    """
    try:
        tree: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"not JSON: {error.msg}") from error
    return tree


def whole(body: bytes) -> Span:
    """Return where the document stands in its body."""
    return Span(len(body) - len(body.lstrip(_SPACE)), len(body.rstrip(_SPACE)))


def members(body: bytes, span: Span) -> dict[str, Span]:
    """Return where the values of an object stand.

    Raises:
        Undecodable: a key appears twice (stores disagree about which one counts), or it is nested too deeply.
    """
    found: dict[str, Span] = {}
    at = span.start + 1
    while match := _KEY.match(body, at, span.end):
        key = _unquoted(match[1])
        if key in found:
            raise Undecodable("a key appears twice in one object")
        at = _value_end(body, match.end())
        found[key] = Span(match.end(), at)
    return found


def elements(body: bytes, span: Span) -> Iterator[Span]:
    """Yield where the elements of an array stand.

    Raises:
        Undecodable: it is nested too deeply.
    """
    at = _after_separator(body, span.start + 1)
    while at < span.end - 1:
        end = _value_end(body, at)
        yield Span(at, end)
        at = _after_separator(body, end)


def pieces(text: bytes) -> list[bytes]:
    """Return what stands between the commas of a container, whitespace included.

    Framed by the same container they are that container again, byte for byte. The pieces of a
    piece are found without an error.

    Raises:
        Undecodable: it is nested too deeply.
    """
    inner = text.strip(_SPACE)[1:-1]
    if not inner or inner.isspace():
        return []
    if b"[" in inner and b'"' not in inner and b"{" not in inner:
        return _vectors(inner)
    found: list[bytes] = _PIECE.findall(inner)
    if not _TOO_DEEP.isdisjoint(found):
        raise Undecodable("nested too deeply")
    return found


def fields(text: bytes) -> Iterator[Member]:
    """Yield the members of an object, those with a repeated key too.

    Raises:
        Undecodable: it is nested too deeply.
    """
    for piece in pieces(text):
        match = _KEY.match(piece)
        assert match is not None
        value = piece[match.end() :].rstrip(_SPACE)
        yield Member(_unquoted(match[1]), match[0], value, piece[match.end() + len(value) :])


def framed(text: bytes, inner: Iterable[bytes]) -> bytes:
    """Return a container that holds these pieces instead of its own."""
    start = len(text) - len(text.lstrip(_SPACE)) + 1
    end = len(text.rstrip(_SPACE)) - 1
    return text[:start] + b",".join(inner) + text[end:]


def slot(body_members: Mapping[str, Span], span: Span, key: str) -> Slot:
    """Return the place of `key` in the object at `span`, given its members."""
    if key in body_members:
        return Slot(body_members[key])
    start = span.start + 1
    return Slot(Span(start, start), b'"' + key.encode() + b'":', b"," if body_members else b"")


def splice(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the body with all edits made; they must not overlap. No edits: the very same body."""
    parts: list[bytes] = []
    at = 0
    for span, value in sorted(edits):
        parts += (body[at : span.start], value)
        at = span.end
    return b"".join((*parts, body[at:])) if parts else body


def _unquoted(string: bytes) -> str:
    text: str = orjson.loads(string)
    return text


def _after_separator(body: bytes, at: int) -> int:
    match = _SEPARATOR.match(body, at)
    assert match is not None
    return match.end()


def _value_end(body: bytes, at: int) -> int:
    """Return where the value that starts at `at` ends."""
    if body[at] == ord("[") and (end := _vector_end(body, at)):
        return end
    match = _VALUE.match(body, at)
    if match is None:
        raise Undecodable("nested too deeply")
    return match.end()


def _vector_end(body: bytes, at: int) -> int | None:
    """Return where an array of numbers, at any depth, ends; None if it holds a string or an object.

    Up to the next quote or brace every bracket counts, and those are found and counted at memory speed.
    """
    quote = body.find(b'"', at)
    limit = len(body) if quote < 0 else quote
    brace = body.find(b"{", at, limit)
    return _closed(body, at, limit if brace < 0 else brace)


def _closed(body: bytes, at: int, limit: int) -> int | None:
    depth = 0
    while (close := body.find(b"]", at, limit)) >= 0:
        depth += body.count(b"[", at, close) - 1
        at = close + 1
        if depth == 0:
            return at
    return None


def _vectors(inner: bytes) -> list[bytes]:
    """Return the pieces of an array of arrays of numbers: in a big answer, most of the bytes are these."""
    found = []
    at = 0
    while at <= len(inner):
        opening = inner.find(b"[", at)
        comma = inner.find(b",", at)
        if 0 <= opening < comma:
            end = _closed(inner, opening, len(inner))
            assert end is not None
            comma = inner.find(b",", end)
        end = len(inner) if comma < 0 else comma
        found.append(inner[at:end])
        at = end + 1
    return found
