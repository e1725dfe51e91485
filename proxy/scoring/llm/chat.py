"""The seam to chat APIs: a question becomes a request, an answer becomes text; no I/O, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

Structured = Literal["schema", "tool", "off"]


class Question(NamedTuple):
    """What a model is asked, and the JSON schema of its answer, under a name for it."""

    system: str
    user: str
    form: str
    schema: Mapping[str, object]


class Usage(NamedTuple):
    """Tokens of one call."""

    input: int
    output: int


class Said(NamedTuple):
    """What a model answered.

    `text` is None where there is no answer of use: refused, cut off, or not in the API's format. What it took
    is told either way, `usage`; None if the server doesn't say.
    """

    text: str | None
    usage: Usage | None


class Asking(NamedTuple):
    """How a model is asked.

    `structured` is how the answer's form is enforced: by the schema, by the arguments of a tool, or not at
    all. `temperature` None leaves it out, and the server's own applies: some models take no other.
    """

    model: str
    structured: Structured = "schema"
    temperature: float | None = 0.0
    max_output_tokens: int = 1024


class ChatApi(Protocol):
    """One API's requests and answers; pure."""

    @property
    def path(self) -> str:
        """Where questions are posted, below the base URL."""
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """Return what goes into the head of every request."""
        ...

    def encode(self, question: Question) -> bytes:
        """Return the body of a request."""
        ...

    def decode(self, body: bytes) -> Said:
        """Return what a successful answer says; never raises."""
        ...


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; empty if there is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def read_usage(told: object, inputs: tuple[str, ...], output: str) -> Usage | None:
    """Return the usage in an object with token counts; None unless the first of `inputs` and `output` are.

    Further `inputs` are added up where they are counts, and may be missing or null.
    """
    if not isinstance(told, dict):
        return None
    first, last = _count(told.get(inputs[0])), _count(told.get(output))
    if first is None or last is None:
        return None
    return Usage(first + sum(_count(told.get(name)) or 0 for name in inputs[1:]), last)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
