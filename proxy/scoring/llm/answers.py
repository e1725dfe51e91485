"""What a model said, read leniently and then judged strictly: an order or a grade, or nothing.

Leniently: servers without structured output wrap JSON in prose, code fences or thoughts. Strictly: an order
is a permutation and a grade is on its scale, or there is none. Nothing is guessed, completed or clamped: what
a document has talked a model into must at least be an answer that it was free to give.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

T_co = TypeVar("T_co", covariant=True)
Scale = Literal["points", "labels"]

POINTS = 10
LABELS = {"no": 0.0, "partly": 1 / 3, "mostly": 2 / 3, "yes": 1.0}

# The most of an answer that is looked at: models without a schema may ramble.
_MAX_CHARACTERS = 100_000
_THOUGHTS = "</think>"
# RankGPT's own format, "[2] > [3] > [1]" (arxiv.org/abs/2304.09542).
_ARROWS = re.compile(r"\[\d{1,4}\](?:\s*>\s*\[\d{1,4}\])*\.?")
_NUMBER = re.compile(r"\d+")


class Form(Protocol[T_co]):
    """What kind of answer is wanted."""

    @property
    def name(self) -> str:
        """A name for it: letters and underscores."""
        ...

    @property
    def schema(self) -> Mapping[str, object]:
        """Its JSON schema, of what all APIs know: neither bounds nor lengths."""
        ...

    def read(self, text: str) -> T_co | None:
        """Return the answer in what a model said; None if there is none. Never raises."""
        ...


class Order:
    """An order of so many documents, best first, by their numbers from 1 on."""

    name = "ranking"

    def __init__(self, count: int) -> None:
        self._count = count

    @property
    def schema(self) -> Mapping[str, object]:
        """An object with a list of numbers, each of which exists."""
        numbers = {"type": "integer", "enum": list(range(1, self._count + 1))}
        return _object(self.name, {"type": "array", "items": numbers})

    def read(self, text: str) -> tuple[int, ...] | None:
        """Return the order as places from 0 on; None unless each is there exactly once."""
        numbers = _value_in(text, self.name)
        if isinstance(numbers, str) and _ARROWS.fullmatch(numbers):
            numbers = [int(number) for number in _NUMBER.findall(numbers)]
        if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            return None
        if sorted(numbers) != list(range(1, self._count + 1)):
            return None
        return tuple(number - 1 for number in numbers)


class Grade:
    """How well a document answers the query, from 0 to 1: points of ten, or one of four labels."""

    name = "grade"

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    @property
    def schema(self) -> Mapping[str, object]:
        """An object with one value of the scale."""
        if self._scale == "points":
            return _object(self.name, {"type": "integer", "enum": list(range(POINTS + 1))})
        return _object(self.name, {"type": "string", "enum": list(LABELS)})

    def read(self, text: str) -> float | None:
        """Return the grade; None unless it is a value of the scale."""
        value = _value_in(text, self.name)
        if self._scale == "labels":
            return LABELS.get(value.strip(" .").lower()) if isinstance(value, str) else None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= POINTS:
            return None
        return value / POINTS


def _object(name: str, value: Mapping[str, object]) -> Mapping[str, object]:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


def _value_in(text: str, name: str) -> object:
    """Return what an answer says: the value of that name in the one JSON object that it is, or that is in it.

    Another JSON value is that itself; where there is no JSON, or too much, it is the words.
    """
    spoken = text[-_MAX_CHARACTERS:].rpartition(_THOUGHTS)[2].strip()
    inside = spoken[spoken.find("{") : spoken.rfind("}") + 1]
    for candidate in (spoken, inside):
        try:
            found = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        return found.get(name) if isinstance(found, dict) else found
    return spoken
