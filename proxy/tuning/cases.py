"""Cases: what is asked, among which candidates, and which of them are good; judged, or recorded."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson

from proxy.evaluation.embedded_store import EmbeddedStore
from proxy.evaluation.findings import own_documents
from proxy.model import Candidate
from proxy.records.recorded import RecordedSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from proxy.evaluation.judged import Judged, JudgedQuery
    from proxy.policy import Policy, Rule
    from proxy.records.recorded import Recorded

T = TypeVar("T")


class Case(NamedTuple):
    """A question and the candidates that the store gave, best first, with its scores.

    `relevant` are the grades of the documents that answer it, by id; empty where nobody has judged. `page` is
    what of the order the application asked for.
    """

    query: str
    candidates: tuple[Candidate, ...]
    page: slice
    relevant: Mapping[str, float] = {}

    def ids(self, order: Sequence[int]) -> list[str]:
        """Return the ids of candidates by place, up to the end of the page."""
        return [self.candidates[place].id for place in order[: self.page.stop]]


def judged_case(query: JudgedQuery, limit: int) -> Case:
    """Return a judged query with the documents that stand beside it, as a page of `limit`."""
    candidates = tuple(Candidate(str(one.id), one.text, one.score) for one in query.documents)
    return Case(query.text, candidates, slice(0, limit), query.relevant)


def dense_cases(
    judged: Judged, embed: Callable[[Sequence[str]], NDArray[np.float32]], *, limit: int, depth: int
) -> tuple[Case, ...]:
    """Return judged queries with the nearest `depth` of all documents.

    `embed` gives unit vectors of texts, float32, shape (n, d).
    """
    texts = list(judged.documents.values())
    store = EmbeddedStore(judged.name, judged.documents, embed(texts))
    asked = embed([query.text for query in judged.queries])
    ids, own = list(judged.documents), own_documents(judged)
    cases = []
    for query, vector in zip(judged.queries, asked, strict=True):
        places, distances = store.nearest(vector, depth + 1)
        found = tuple(
            Candidate(ids[place], texts[place], float(distance))
            for place, distance in zip(places, distances, strict=True)
            if not (ids[place] == query.id and query.id in own)
        )
        cases.append(Case(query.text, found[:depth], slice(0, limit), query.relevant))
    return tuple(cases)


def recorded_case(search: RecordedSearch) -> Case | None:
    """Return a recorded search; None if its texts were not kept: not the query's, or not a candidate's."""
    candidates = tuple(Candidate(one.id, one.text, one.score) for one in search.candidates)
    unkept = any(one.text is None and one.digest is not None for one in search.candidates)
    if search.query is None or unkept:
        return None
    return Case(search.query, candidates, slice(search.page_start, search.page_stop))


def cases_of_rule(records: Iterable[Recorded], policy: Policy, rule: Rule) -> tuple[tuple[Case, ...], int]:
    """Return the recorded searches that a rule is for, and of how many more the texts were not kept."""
    searches = [
        record
        for record in records
        if isinstance(record, RecordedSearch) and policy.rule(record.store, record.collection) == rule
    ]
    cases = tuple(case for search in searches if (case := recorded_case(search)) is not None)
    return cases, len(searches) - len(cases)


def spread(items: Sequence[T], most: int | None) -> Sequence[T]:
    """Return so many at most, evenly from the first to the last: a busy hour is not all there is."""
    if most is None or len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(most)]


def digest_of(cases: Sequence[Case]) -> str:
    """Return 32 hex digits of all that is known of some cases."""
    digest = hashlib.blake2b(digest_size=16)
    for case in cases:
        known = (
            case.query,
            [(one.id, one.text, one.score) for one in case.candidates],
            case.page.start,
            case.page.stop,
            sorted(case.relevant.items()),
        )
        digest.update(orjson.dumps(known))
    return digest.hexdigest()
