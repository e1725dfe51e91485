"""What all rerank dialects have in common: what is asked, what is told, what is refused.

Requests are read strictly where a field counts and not at all elsewhere: clients send many fields (`model`,
`priority`, `truncate`, ...) that the policy decides about, and they are no reason to refuse them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Document = Annotated[
    str | dict[str, object],
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            ]
        }
    ),
]
"""A text, or an object that holds one."""


def _whole(value: object) -> object:
    # 3.0 is an integer to JSON, and so it is to JSON Schema.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
# Without FailFast a list would be gone through to its end, with an error kept for each item.
Documents = Annotated[
    list[Document], FailFast(), Field(min_length=1, description="Texts, or objects with a `text`.")
]
Query = Annotated[str, Field(min_length=1, description="What the documents are ranked for.")]


class Refused(Exception):
    """A request that is not taken: the HTTP status, and a sentence that quotes nothing of it."""

    def __init__(self, status: int, why: str) -> None:
        """Keep both; the message is the sentence."""
        super().__init__(why)
        self.status = status


class Asked(NamedTuple):
    """A request to rank `texts`.

    `top_n` is the most rows that are wanted, None for all. `raw_scores` wants them as the model says them.
    `documents`, parallel to the texts, go back with the rows; None sends no documents back.
    """

    query: str
    texts: tuple[str, ...]
    top_n: int | None = None
    raw_scores: bool = False
    documents: Sequence[str | Mapping[str, object]] | None = None


class Row(NamedTuple):
    """One row of an answer: the place of a document in the request, and its score."""

    place: int
    score: float


class Told(NamedTuple):
    """An answer before a dialect writes it; `rows` are the best first, `model` names who has scored."""

    id: str
    model: str
    rows: Sequence[Row]


class Dialect(Protocol):
    """One rerank API; everything in it is pure."""

    @property
    def summary(self) -> str:
        """Whose API it is, for the description."""
        ...

    @property
    def texts_field(self) -> str:
        """The field of a request that holds the texts."""
        ...

    @property
    def request(self) -> type[BaseModel]:
        """The type that a request is read as."""
        ...

    @property
    def answer(self) -> Any:
        """The type that an answer is written from."""
        ...

    @property
    def error(self) -> Any:
        """The type that an error is written from."""
        ...

    @property
    def refusals(self) -> Sequence[int]:
        """The statuses of what `decode` raises."""
        ...

    def decode(self, fields: object, most: int) -> Asked:
        """Read a request, parsed from JSON already, of at most so many texts.

        Raises:
            Refused: it is none.
        """
        ...

    def encode(self, asked: Asked, told: Told) -> bytes:
        """Write the answer to a request."""
        ...

    def encode_error(self, status: int, why: str, request_id: str) -> bytes:
        """Write the body of an error."""
        ...


class Request(BaseModel):
    """A request of any dialect; fields that it does not name are accepted, and not looked at."""

    model_config = ConfigDict(extra="ignore", strict=True)


_R = TypeVar("_R", bound=Request)


def understood(dialects: Sequence[Dialect], body: bytes, most: int) -> tuple[Dialect, Asked | Refused]:
    """Return which of the dialects that share a path a body is in, and what it asks, or why it is refused.

    More texts than `most` are refused. The dialect is told by where the texts are, else it is the first.
    """
    dialect = dialects[0]
    try:
        fields = from_json(body)
    except ValueError as invalid:
        return dialect, Refused(dialect.refusals[-1], f"Invalid JSON: {invalid}")
    if isinstance(fields, dict):
        dialect = next((one for one in dialects if one.texts_field in fields), dialect)
    try:
        return dialect, dialect.decode(fields, most)
    except Refused as refused:
        return dialect, refused


def read(kind: type[_R], fields: object, texts_field: str, most: int, *, status: int = 400) -> _R:
    """Return parsed JSON as one kind of request; the texts are counted before anything is made of them.

    Raises:
        Refused: with `status`; there are more than `most` texts, or a field is missing or of another type.
    """
    if not isinstance(fields, dict):
        raise Refused(status, "a request is an object")
    texts = fields.get(texts_field)
    if isinstance(texts, list) and len(texts) > most:
        raise Refused(status, f"{len(texts)} documents are more than {most}")
    try:
        return kind.model_validate(fields)
    except ValidationError as invalid:
        error = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        # What follows after two steps names a member of a union, and may be a key of the caller's.
        place = ".".join(map(str, error["loc"][:2]))
        raise Refused(status, f"{place}: {error['msg']}" if place else error["msg"]) from None


def texts_of(
    documents: Sequence[str | Mapping[str, object]], fields: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the texts to read: of an object its `fields` that are there, a line each, or its `text`.

    Raises:
        Refused: an object has none of them.
    """
    return tuple(
        document if isinstance(document, str) else _text_of(document, fields, place)
        for place, document in enumerate(documents)
    )


def written(value: object) -> bytes:
    """Return JSON; a number that it has no word for, as Python reads 1e999, is null."""
    return to_json(value, inf_nan_mode="null")


def _text_of(document: Mapping[str, object], fields: Collection[str], place: int) -> str:
    values = [value for field in fields if (value := document.get(field)) is not None]
    if values:
        return "\n".join(value if isinstance(value, str) else written(value).decode() for value in values)
    text = document.get("text")
    if not isinstance(text, str):
        raise Refused(400, f"documents.{place}: an object needs a `text` that is a string")
    return text
