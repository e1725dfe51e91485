"""The lines of records: one search, one word about its use, or one step of the harm guard each.

A line is a JSON object with `v` (the version of this format) and `kind`; the rest are the fields of the
value, under their names. Keys that are not known are passed over: fields may be added without a new version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, ValidationError

from proxy.model import Outcome, Reason  # noqa: TC001 - read at runtime, by the validation

VERSION = 1


def _utc(time: datetime) -> datetime:
    if not 2000 <= time.year < 9000:
        raise ValueError("a time should be of these days")
    return time.astimezone(UTC)


Time = Annotated[AwareDatetime, AfterValidator(_utc)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Duration = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Place = Annotated[int, Field(ge=0)]


class BadRecord(Exception):
    """A line that is no record; the message says what is wrong, and never quotes content."""


class NewerRecord(BadRecord):
    """A line of a version that this midrank does not know."""


@dataclass(frozen=True, slots=True)
class RecordedCandidate:
    """A hit of the widened answer. `digest` is keyed, of its text; None where nothing could be read.

    `text` is None as well where texts are not kept. `id` is the store's, or a digest that begins with
    `digest:` where ids are not kept either, or the id holds what redaction takes out. `score` is the store's.
    """

    id: str
    text: str | None
    digest: str | None
    score: Finite | None


@dataclass(frozen=True, slots=True)
class RecordedSearch:
    """A ranked search, as `Observation` tells it.

    `order` are places in `candidates` as the caller saw them, or would have from the first row on;
    `page_start` to `page_stop` is the part of it that was answered. `ranked` is what the models made of the
    candidates, whatever was shown; `scores`, if any, are parallel to it and never increase. `teams` are
    parallel to `order`: 0 the store's turn, 1 the reranker's. `query` is None where texts are not kept.
    One search stands for 1 / `share` of them.
    """

    at: Time
    exchange: str
    store: str
    collection: str
    shown: Literal["reranked", "interleaved", "shadow", "auto_off"]
    query: str | None
    query_digest: str
    page_start: Place
    page_stop: Place
    candidates: tuple[RecordedCandidate, ...]
    order: tuple[Place, ...]
    ranked: tuple[Place, ...]
    scores: tuple[Finite, ...] | None
    scorer: str | None
    outcome: Outcome
    reason: Reason | None
    scored: Place
    added_ms: Duration
    store_ms: Duration
    teams: tuple[Annotated[int, Field(ge=0, le=1)], ...] | None = None
    share: Share = 1.0

    def __post_init__(self) -> None:
        """Hold what is said about places above.

        Raises:
            ValueError: it does not.
        """
        total = len(self.candidates)
        for order in (self.order, self.ranked):
            if len(set(order)) < len(order) or any(place >= total for place in order):
                raise ValueError("an order should be distinct places in candidates")
        if self.scores is not None and len(self.scores) != len(self.ranked):
            raise ValueError("scores should be parallel to ranked")
        if self.teams is not None and len(self.teams) != len(self.order):
            raise ValueError("teams should be parallel to order")
        if self.page_stop < self.page_start:
            raise ValueError("a page should not end before its start")


@dataclass(frozen=True, slots=True)
class RecordedFeedback:
    """What came of an answer, as `proxy.evidence.feedback` judges it.

    `value` is, of an `interleave`, whom it speaks for: -1 the store's order, 1 the reranked one, 0 neither; a
    citation weighs less. Of an `ab` and a `plain` one it is how much the answer was of use, from 0 to 1, and
    `arm` is the side of an `ab`. Without a `signal` nothing was said of it, which tells of an `ab` alone.
    """

    at: Time
    exchange: str
    store: str
    collection: str
    experiment: Literal["interleave", "ab", "plain"]
    arm: Literal["control", "treatment"] | None
    value: Annotated[float, Field(ge=-1, le=1)]
    signal: Literal["used", "clicked", "cited"] | None


@dataclass(frozen=True, slots=True)
class RecordedHarm:
    """A step of the harm guard: an alarm, or a collection switched off or on, and the estimate behind it.

    `estimate` is the lift, between `low` and `high`, from `count` observations of a `source` (probes,
    a reference model, people's preference, or an operator). Of a preference it is that, from -1 to 1.
    """

    at: Time
    store: str
    collection: str
    event: Literal["alarm", "off", "on"]
    estimate: Finite | None
    low: Finite | None
    high: Finite | None
    count: Place
    source: str


@dataclass(frozen=True, slots=True)
class RecordedText:
    """A redacted text that candidates behind it in the same file have by its digest; readers put it in."""

    digest: str
    text: str


Recorded = RecordedSearch | RecordedFeedback | RecordedHarm

_KINDS: dict[str, type[Recorded | RecordedText]] = {
    "search": RecordedSearch,
    "feedback": RecordedFeedback,
    "harm": RecordedHarm,
    "text": RecordedText,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_READERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}


def to_line(record: Recorded | RecordedText) -> bytes:
    """Return a record as a line, with its end."""
    head = f'{{"v":{VERSION},"kind":"{_NAMES[type(record)]}",'.encode()
    return head + orjson.dumps(record, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)[1:]


def from_line(line: bytes) -> Recorded | RecordedText:
    """Return the record in a line, exactly as it was before `to_line`.

    Raises:
        NewerRecord: a later midrank wrote it.
        BadRecord: it is none.
    """
    try:
        tree = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadRecord("not JSON") from None
    if not isinstance(tree, dict) or type(version := tree.get("v")) is not int or version < 1:
        raise BadRecord("not an object with a version")
    if version > VERSION:
        raise NewerRecord(f"version {version}, where {VERSION} is the last one that is known")
    kind = tree.get("kind")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BadRecord("no kind of record that is known")
    try:
        record: Recorded | RecordedText = reader.validate_json(line, strict=True)
    except ValidationError as error:
        raise BadRecord(_first_mistake(error)) from None
    return record


def _first_mistake(error: ValidationError) -> str:
    """Return where a record is wrong and what should stand there, without what does."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place or '(record)'}: {first['msg']}"
