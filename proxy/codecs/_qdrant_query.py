"""What a Qdrant request orders by, and the text it carries: its query and those of its prefetches.

`query` is an untagged union, told apart by its keys in the order of the server's own attempts
(lib/api/src/rest/schema.rs of qdrant v1.19). One with a key that is not named here is `Kind.OTHER`: its order
may be the very point of the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from proxy.codecs import _json
from proxy.codecs._vector import numbers
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.codecs._json import Slot, Span
    from proxy.codecs.text import Json

DEFAULT_LIMIT = 10


class Kind(Enum):
    """What decides the order of the points."""

    NEAREST = auto()  # the distance to one vector: numbers, a point, or a text that the server embeds
    FUSION = auto()  # the ranks in several prefetches
    OTHER = auto()  # MMR, formula, recommendation, sorting, sampling, ...


class Query(NamedTuple):
    """What a query orders by, and the text or the numbers in it."""

    kind: Kind
    text: str | None = None
    vector: Sequence[float] | None = None


_OTHER = Query(Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Stage:
    """A request or a prefetch inside one: its query, its members, and the stages that feed it.

    `space` is the name of the vectors that it searches in, `filter` what restricts it and its prefetches.
    """

    query: Query
    limit: int
    span: Span
    members: Mapping[str, Span]
    prefetch: tuple[Stage, ...] = ()
    space: str = ""
    filter: bytes = b""

    @property
    def text(self) -> str | None:
        """The text searched for, here or in the first prefetch that has one."""
        if self.query.text is not None:
            return self.query.text
        return next((stage.text for stage in self.prefetch if stage.text is not None), None)

    @property
    def dense(self) -> Stage | None:
        """The stage that searches near plain numbers: this one, or the first such prefetch."""
        if self.query.vector is not None:
            return self
        return next((stage.dense for stage in self.prefetch if stage.dense is not None), None)

    @property
    def understood(self) -> bool:
        """Whether its order, and that of every prefetch, is nothing but nearness or fusion."""
        return self.query.kind is not Kind.OTHER and all(stage.understood for stage in self.prefetch)

    def inner_stages(self) -> Iterator[Stage]:
        """Yield every prefetch, at any depth."""
        for stage in self.prefetch:
            yield stage
            yield from stage.inner_stages()

    def slot(self, key: str) -> Slot:
        """Return the place of a member."""
        return _json.slot(self.members, self.span, key)


def read_stage(body: bytes, span: Span, tree: Json) -> Stage:
    """Return the request or prefetch that stands at `span`.

    Raises:
        Undecodable: the store would refuse it, or it is not certainly understood.
    """
    if not isinstance(tree, dict):
        raise Undecodable("a query request is not an object")
    members = _json.members(body, span)
    inner = tree.get("prefetch")
    if inner is None:
        prefetch: tuple[Stage, ...] = ()
    elif isinstance(inner, list):
        spans = _json.elements(body, members["prefetch"])
        prefetch = tuple(read_stage(body, at, stage) for at, stage in zip(spans, inner, strict=True))
    else:  # a single prefetch may stand without a list
        prefetch = (read_stage(body, members["prefetch"], inner),)
    query = read_query(tree.get("query"))
    using = tree.get("using")
    return Stage(
        query,
        count(tree, "limit", DEFAULT_LIMIT),
        span,
        members,
        prefetch,
        space=using if isinstance(using, str) else "",
        filter=_json.written(body, members, "filter") + b"".join(stage.filter for stage in prefetch),
    )


def count(tree: Mapping[str, Json], key: str, default: int) -> int:
    """Return a member that counts rows.

    Raises:
        Undecodable: it is not a whole number from zero on.
    """
    value = tree.get(key)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise Undecodable(f"{key} is not a count")
    return value


def read_query(query: Json) -> Query:
    """Return what kind of query this is, and its text if it has one."""
    if not isinstance(query, dict) or "model" in query or query.keys() == {"indices", "values"}:
        return _read_vector(query)
    keys = query.keys()
    if "nearest" in keys:
        alone = keys == {"nearest"} or (keys == {"nearest", "mmr"} and query["mmr"] is None)
        return _read_vector(query["nearest"]) if alone else _OTHER
    if keys == {"text"}:
        words = query["text"]
        words = words.get("query") if isinstance(words, dict) else words
        return Query(Kind.NEAREST, _said(words)) if isinstance(words, str) else _OTHER
    if keys == {"fusion"}:
        return Query(Kind.FUSION) if query["fusion"] in ("rrf", "dbsf") else _OTHER
    if keys == {"rrf"}:
        return Query(Kind.FUSION) if isinstance(query["rrf"], dict) else _OTHER
    return _OTHER


def _read_vector(vector: Json) -> Query:
    """Read what stands for one vector: a point id, numbers, or something that the server embeds."""
    if isinstance(vector, dict):
        if vector.keys() == {"indices", "values"}:
            return Query(Kind.NEAREST)
        if {"text", "model"} <= vector.keys() <= {"text", "model", "options"}:
            text = vector["text"]
            return Query(Kind.NEAREST, _said(text)) if isinstance(text, str) else _OTHER
        return _OTHER  # an image, an object, or unknown
    # A point id is a number or a UUID; to Python alone `true` is a number too.
    known = isinstance(vector, list | str) or type(vector) is int
    return Query(Kind.NEAREST, vector=numbers(vector)) if known else _OTHER


def _said(text: str) -> str | None:
    return text if text and not text.isspace() else None
