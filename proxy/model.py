"""The values that cross midrank's seams: messages, searches, candidates, rankings, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from multidict import CIMultiDictProxy


class Outcome(StrEnum):
    """What happened to a search; the same words in headers, spans and metrics."""

    RERANKED = "reranked"
    PARTIAL = "partial"
    CACHED = "cached"  # every score was known: no model ran
    PASSED = "passed"
    FALLBACK = "fallback"


class Reason(StrEnum):
    """Why an outcome is not `reranked`: a closed list, each word a metric label."""

    # passed: nothing went wrong, there was nothing to do
    MODE_OFF = "mode_off"  # the policy or the caller switched reranking off
    SHADOW = "shadow"  # ranked off the request path; the store's order was answered
    CONTROL = "control"  # this caller is among those who get the store's own answer, to compare with
    AUTO_OFF = "auto_off"  # reranking has been found to harm this collection
    UNKNOWN_COLLECTION = "unknown_collection"  # rules go by name, and the store did not tell this one's
    NO_QUERY_TEXT = "no_query_text"  # no rung of the ladder knew the query's text
    BAD_QUERY_HEADER = "bad_query_header"  # a text was sent, but not as percent-encoded UTF-8
    UNSUPPORTED_SEARCH = "unsupported_search"  # grouping, MMR, sorting, ...: the order is the search's point
    BEYOND_WINDOW = "beyond_window"  # the page starts after the last candidate that is reranked
    TOO_FEW = "too_few"  # fewer than two candidates: every order is the same
    NO_TEXT = "no_text"  # no candidate has text to read
    STORE_ERROR = "store_error"  # the store answered with an error of its own
    UNDECODABLE_REQUEST = "undecodable_request"
    TOO_LARGE = "too_large"  # request or answer above the size that midrank holds in memory
    # partial and fallback: the store's order stands, wholly or from some row on
    LATE = "late"
    TOO_LONG = "too_long"  # the texts have more tokens than may be read for one search
    WARMING = "warming"
    MODEL_FAILED = "model_failed"  # it could not be loaded; the log says why
    MODEL_HUNG = "model_hung"  # a call did not come back and was given up
    NO_BUDGET = "no_budget"
    OVERLOADED = "overloaded"
    SCORER_ERROR = "scorer_error"
    BAD_SCORES = "bad_scores"
    BAD_RESPONSE = "bad_response"  # a rerank API's answer is none: junk, a wrong count, a redirect, ...
    RATE_LIMITED = "rate_limited"
    REMOTE_ERROR = "remote_error"  # a rerank API can't be reached, or failed
    REMOTE_DENIED = "remote_denied"  # it does not take the key, or wants to be paid
    REMOTE_REFUSED = "remote_refused"  # it does not take the request
    BREAKER_OPEN = "breaker_open"  # the model has failed or been late too often: it is left alone for a while
    REFUSED = "refused"  # the store refused the widened request; the original was sent
    UNDECODABLE_REPLY = "undecodable_reply"
    INTERNAL_ERROR = "internal_error"


class WireRequest(NamedTuple):
    """One request as bytes. `target` is the raw path with its query string, still percent-encoded."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes


class WireResponse(NamedTuple):
    """One response as bytes; `body` carries no content coding."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Forward:
    """An exchange's other answer: send the original on, stream the store's own answer, add these headers.

    `then`, if there is one, is to be called once that answer has gone out, if it was one of status 200.
    """

    headers: tuple[tuple[str, str], ...]
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """One query inside a call.

    `query` is the text found in the request itself, if any. `limit` and `offset` count rows of the store's
    order: the page the app asked for. `supported` is False where the order is the search's own point (MMR,
    grouping, sorting, ...); such a search is never touched.

    `vector` are the numbers that it searches near, if it carries any, as they were parsed: not checked. They
    belong to the vector space `space` of the collection. `filter` is what restricts the search, as it was
    written; empty without a filter.
    """

    limit: int
    offset: int = 0
    query: str | None = None
    supported: bool = True
    vector: Sequence[float] | None = None
    space: str = ""
    filter: bytes = b""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One hit of the widened answer; `text` is None where nothing can be read, `score` is the store's."""

    id: str
    text: str | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Which candidates the answer holds, in which order: distinct indices into the candidates.

    `scores`, parallel to `order`, are written over the store's own when the policy says `scores: replace`;
    higher is better and they never increase along the order. None keeps the store's scores.
    """

    order: tuple[int, ...]
    scores: tuple[float, ...] | None = None


class Attempt(NamedTuple):
    """A model that was considered for a search, and why it gave no scores; None if it did."""

    model: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the caller is told about one search, or about a call (the least good of its searches).

    Of the `scored` candidates, the scores of `known` ones came out of a cache. `near` is set where all are
    scored as an earlier query in other words: the cosine of the two, the least one of a call.
    `attempts` are those of all its searches, one search after the other.
    """

    outcome: Outcome
    reason: Reason | None = None
    scored: int = 0
    candidates: int = 0
    known: int = 0
    near: float | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def chain(self) -> tuple[Attempt, ...]:
        """The distinct attempts, if there is more to tell than that the one model in question had scores."""
        distinct = tuple(dict.fromkeys(self.attempts))
        return distinct if len(distinct) > 1 or any(one.reason for one in distinct) else ()


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Return the verdict of a call: its least good search, with the counts of all of them added up."""
    rank = {outcome: place for place, outcome in enumerate(_BEST_FIRST)}
    worst_one = max(verdicts, key=lambda verdict: rank[verdict.outcome])
    return Verdict(
        worst_one.outcome,
        worst_one.reason,
        sum(verdict.scored for verdict in verdicts),
        sum(verdict.candidates for verdict in verdicts),
        sum(verdict.known for verdict in verdicts),
        min((verdict.near for verdict in verdicts if verdict.near is not None), default=None),
        tuple(attempt for verdict in verdicts for attempt in verdict.attempts),
    )


_BEST_FIRST = (Outcome.RERANKED, Outcome.CACHED, Outcome.PARTIAL, Outcome.PASSED, Outcome.FALLBACK)
