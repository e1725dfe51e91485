"""Qdrant's payload selectors: the text's fields borrowed in the request, given back in the answer.

    the app sent                  is sent on                 done to each payload of the answer
    nothing, null, false          [fields]                   removed
    true                          as it is                   nothing
    [paths], {"include": paths}   with the fields            what the app's paths do not select is removed
    {"exclude": paths}            without those that hide    what those exclude is removed
                                  a field

Removing follows the server's own rule (lib/segment/src/json_path of qdrant v1.19): an included path keeps
all that stands on the way to it, at it or below it; an excluded one drops what stands at it or below it; and
the elements of an array stand at `[]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import orjson

from proxy.codecs import _json
from proxy.codecs._json_scan import MAX_DEPTH, pieces
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.codecs.text import Json

# Makes the payload that the app is to get out of the widened one; None where it gets none at all.
Restore = Callable[[bytes], bytes | None]
# Steps into a payload: a key, an index, or None for `[]`, every element.
Path = tuple[str | int | None, ...]

_KEY = r'(?:[\w-]+|"[^"\\]*")'
_PATH = re.compile(rf"{_KEY}(?:\.{_KEY}|\[\d{{0,9}}\])*")
_STEP = re.compile(r'([\w-]+)|"([^"\\]*)"|\[(\d*)\]')


class Borrowing(NamedTuple):
    """The selector to send, and how the app's own payload is made again; None: nothing is to be done."""

    selector: bytes | None = None
    restore: Restore | None = None


class _Part(Enum):
    """How much of a value the app's selector gives."""

    NONE = auto()
    SOME = auto()
    ALL = auto()


_Rule = Callable[[Path], _Part]


def borrow(selector: Json, wanted: Sequence[str]) -> Borrowing:
    """Return how to get the `wanted` fields, dotted paths, beside what the app's selector gives.

    Raises:
        Undecodable: the store would refuse the selector, or it is not certainly understood.
    """
    fields = {_written(field): tuple(field.split(".")) for field in wanted}
    match selector:
        case None | False:
            return Borrowing(orjson.dumps([*fields]), lambda _: None)
        case True:
            return Borrowing()
        case list():
            asked = _paths(selector)
            missing = _missing(asked, fields)
            longer: Json = [*asked, *missing]
        case {"include": listed, **others} if not others:
            asked = _paths(listed)
            missing = _missing(asked, fields)
            longer = {"include": [*asked, *missing]}
        case {"exclude": listed, **others} if not others:
            return _without_hiding(_paths(listed), fields)
        case _:
            raise Undecodable("with_payload is no selector")
    if not missing:
        return Borrowing()
    return Borrowing(orjson.dumps(longer), partial(_cut, rule=partial(_included, [*asked.values()])))


def _missing(asked: Mapping[str, Path], fields: Mapping[str, Path]) -> list[str]:
    return [
        text for text, field in fields.items() if not any(_leads_to(path, field) for path in asked.values())
    ]


def _without_hiding(asked: Mapping[str, Path], fields: Mapping[str, Path]) -> Borrowing:
    hiding = [path for path in asked.values() if any(_leads_to(path, field) for field in fields.values())]
    if not hiding:
        return Borrowing()
    left = [text for text, path in asked.items() if path not in hiding]
    return Borrowing(
        orjson.dumps({"exclude": left} if left else True), partial(_cut, rule=partial(_excluded, hiding))
    )


def _written(field: str) -> str:
    """Return a dotted path the way the store reads it: what is not a plain word stands in quotes."""
    return ".".join(step if re.fullmatch(r"[\w-]+", step) else f'"{step}"' for step in field.split("."))


def _paths(listed: Json) -> dict[str, Path]:
    if not isinstance(listed, list):
        raise Undecodable("with_payload is no list of paths")
    paths: dict[str, Path] = {}
    for text in listed:
        if not isinstance(text, str) or not _PATH.fullmatch(text):
            raise Undecodable("with_payload has something else than paths")
        paths[text] = tuple(_step(match) for match in _STEP.finditer(text))
        if len(paths[text]) > MAX_DEPTH:
            raise Undecodable("with_payload has a path that is too long")
    return paths


def _step(match: re.Match[str]) -> str | int | None:
    word, quoted, index = match.groups()
    if index is not None:
        return int(index) if index else None
    key: str = quoted if word is None else word
    return key


def _leads_to(path: Path, place: Path) -> bool:
    """Say whether `place` is at `path` or below it."""
    return place[: len(path)] == path


def _included(paths: Sequence[Path], place: Path) -> _Part:
    if any(_leads_to(path, place) for path in paths):
        return _Part.ALL
    return _Part.SOME if any(_leads_to(place, path) for path in paths) else _Part.NONE


def _excluded(paths: Sequence[Path], place: Path) -> _Part:
    if any(_leads_to(path, place) for path in paths):
        return _Part.NONE
    return _Part.SOME if any(_leads_to(place, path) for path in paths) else _Part.ALL


def _cut(value: bytes, rule: _Rule, place: Path = ()) -> bytes:
    """Return what `rule` leaves of a value that stands at `place`."""
    opening = value.lstrip()[:1]
    if opening == b"{":
        kept = []
        for member in _json.fields(value):
            part = rule(at := (*place, member.key))
            if part is not _Part.NONE:
                inner = member.value if part is _Part.ALL else _cut(member.value, rule, at)
                kept.append(member.holding(inner))
        return _json.framed(value, kept)
    if opening == b"[":
        part = rule(at := (*place, None))
        if part is _Part.ALL:
            return value
        kept = [] if part is _Part.NONE else [_cut(inner, rule, at) for inner in pieces(value)[0]]
        return _json.framed(value, kept)
    return value
