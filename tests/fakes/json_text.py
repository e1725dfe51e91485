"""JSON whose text matters: numbers keep the form they were written in, through reading and writing."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Number(str):
    """A number as its text: `1.10`, `1e3`, or an integer of eighty bits."""

    __slots__ = ()


class Style(NamedTuple):
    """How a writer lays out its text: with spaces or without, and everything beyond ASCII escaped or not."""

    spaced: bool = False
    escaped: bool = False


COMPACT = Style()


def read(body: bytes) -> Any:
    """Read a document; every number is a `Number`."""
    return json.loads(body, parse_int=Number, parse_float=Number)


def write(value: Any, style: Style = COMPACT) -> bytes:
    """Write a document."""
    return _text(value, style).encode()


def _text(value: Any, style: Style) -> str:
    comma, colon = (", ", ": ") if style.spaced else (",", ":")
    match value:
        case Number():
            return str(value)
        case dict():
            members = (f"{_text(key, style)}{colon}{_text(inner, style)}" for key, inner in value.items())
            return "{" + comma.join(members) + "}"
        case list():
            return "[" + comma.join(_text(inner, style) for inner in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=style.escaped)
