"""JSON changed in place: a tree to decide by, byte spans to cut along.

`orjson` is the only judge of what JSON is; all that follows may assume a valid document. What is not edited
keeps its bytes: integers above 64 bits, the text form of floats, key order, escapes, whitespace.

The ways to look into a container, each one level deep and in order of appearance:

    members(body, span)      key -> where its value stands, for edits of a body in place
    written(body, members, *keys)  the values under some keys, as they were written
    elements(body, span)     where the elements of an array stand
    rows(body, span, *path)  the bytes between the commas of an array, to be picked and joined again
    rows_of_each(body, span) the same for every array in an array
    fields(text)             the members of an object as bytes, for a row that loses or changes one
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from proxy.codecs._json_scan import SPACE, STRING, pieces, value_end
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from proxy.codecs.text import Json

_KEY = re.compile(rb"[\s,]*(" + STRING + rb")\s*:\s*", re.DOTALL)
_SEPARATOR = re.compile(rb"[\s,]*")
_CLOSING = re.compile(rb"\s*\}")


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


class Rows(NamedTuple):
    """An array: where it stands, and what stands between its commas."""

    span: Span
    pieces: list[bytes]


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
    return Span(len(body) - len(body.lstrip(SPACE)), len(body.rstrip(SPACE)))


def members(body: bytes, span: Span) -> dict[str, Span]:
    """Return where the values of an object stand.

    Raises:
        Undecodable: a key appears twice (stores disagree about which one counts), or it is nested too deeply.
    """
    found: dict[str, Span] = {}
    at = span.start + 1
    while match := _KEY.match(body, at):
        key = _fresh_key(match, found)
        at = value_end(body, match.end())
        found[key] = Span(match.end(), at)
    return found


def written(body: bytes, body_members: Mapping[str, Span], *keys: str) -> bytes:
    """Return the bytes of the values under some keys, one after the other; what is missing is left out."""
    return b"\0".join(
        body[body_members[key].start : body_members[key].end] for key in keys if key in body_members
    )


def elements(body: bytes, span: Span) -> Iterator[Span]:
    """Yield where the elements of an array stand.

    Raises:
        Undecodable: it is nested too deeply.
    """
    at = _after(_SEPARATOR, body, span.start + 1)
    while at < span.end - 1:
        end = value_end(body, at)
        yield Span(at, end)
        at = _after(_SEPARATOR, body, end)


def rows(body: bytes, span: Span, *path: str) -> Rows:
    """Return the array under a path of keys, which the tree must have; everything on the way is read once.

    Raises:
        Undecodable: as for `members`.
    """
    return _rows(body, span.start, path)[0]


def _rows(body: bytes, at: int, path: tuple[str, ...]) -> tuple[Rows, int]:
    """Return the array as well, and where the value that opens at `at` ends."""
    if not path:
        found, end = pieces(body, at)
        return Rows(Span(at, end), found), end
    seen: set[str] = set()
    at += 1
    while match := _KEY.match(body, at):
        key = _fresh_key(match, seen)
        seen.add(key)
        if key == path[0]:
            array, at = _rows(body, match.end(), path[1:])
        else:
            at = value_end(body, match.end())
    return array, _after(_CLOSING, body, at)


def rows_of_each(body: bytes, span: Span) -> Iterator[Rows]:
    """Yield the arrays that an array of arrays holds; everything is read once.

    Raises:
        Undecodable: it is nested too deeply.
    """
    at = _after(_SEPARATOR, body, span.start + 1)
    while at < span.end - 1:
        found, end = pieces(body, at)
        yield Rows(Span(at, end), found)
        at = _after(_SEPARATOR, body, end)


def fields(text: bytes) -> Iterator[Member]:
    """Yield the members of an object, those with a repeated key too.

    Raises:
        Undecodable: it is nested too deeply.
    """
    for piece in pieces(text, len(text) - len(text.lstrip(SPACE)))[0]:
        match = _KEY.match(piece)
        assert match is not None
        value = piece[match.end() :].rstrip(SPACE)
        yield Member(_unquoted(match[1]), match[0], value, piece[match.end() + len(value) :])


def framed(text: bytes, inner: Iterable[bytes]) -> bytes:
    """Return a container that holds these pieces instead of its own."""
    start = len(text) - len(text.lstrip(SPACE)) + 1
    end = len(text.rstrip(SPACE)) - 1
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


def _fresh_key(match: re.Match[bytes], seen: Container[str]) -> str:
    key = _unquoted(match[1])
    if key in seen:
        raise Undecodable("a key appears twice in one object")
    return key


def _unquoted(string: bytes) -> str:
    text: str = orjson.loads(string)
    return text


def _after(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    match = pattern.match(body, at)
    assert match is not None
    return match.end()
