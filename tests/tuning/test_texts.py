"""Words that records lack: found by id, or by digest with the secret that they were written with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proxy.records.transcript import Transcript
from proxy.tuning.cases import cases_of_rule, digest_of, recorded_case, spread
from proxy.tuning.texts import Texts
from tests.fakes.observations import observation
from tests.tuning.made import case, policy

SECRET = b"s" * 32
SEEN = observation((2, 0, 1))
DOCUMENTS = {one.id: one.text for one in SEEN.candidates}


def hashed(seen=SEEN):
    """Return the record that is written where texts are not kept."""
    return Transcript(SECRET, None).search(datetime.now(UTC), seen)


def test_a_record_of_digests_can_not_be_replayed():
    assert recorded_case(hashed()) is None


def test_with_the_secret_texts_and_ids_are_found():
    found = recorded_case(Texts(DOCUMENTS, ["another one", SEEN.query], SECRET).filled(hashed()))

    assert found.query == SEEN.query
    assert found.candidates == SEEN.candidates


@pytest.mark.parametrize(
    ("documents", "queries", "secret"),
    [
        (DOCUMENTS, [], SECRET),
        ({}, [SEEN.query], SECRET),
        (DOCUMENTS, [SEEN.query], b"another secret"),
        (DOCUMENTS, [SEEN.query], None),
        ({name: f"{text}, as it reads today" for name, text in DOCUMENTS.items()}, [SEEN.query], SECRET),
    ],
)
def test_what_is_not_found_is_not_replayed(documents, queries, secret):
    assert recorded_case(Texts(documents, queries, secret).filled(hashed())) is None


def test_without_a_secret_ids_tell():
    """As where the texts of older records are gone, but ids were kept."""
    record = hashed()
    candidates = tuple(
        replace(one, id=told.id) for one, told in zip(record.candidates, SEEN.candidates, strict=True)
    )
    kept = replace(record, query=SEEN.query, candidates=candidates)

    assert recorded_case(Texts(DOCUMENTS, [], None).filled(kept)).candidates == SEEN.candidates


def test_what_has_no_text_needs_none():
    *others, last = SEEN.candidates
    blank = replace(SEEN, candidates=(*others, replace(last, text=None)))
    found = recorded_case(Texts(DOCUMENTS, [SEEN.query], SECRET).filled(hashed(blank)))

    assert found.candidates[2].text is None


def test_only_the_searches_of_a_rule_are_its_cases():
    made = policy(rules=[{"match": {"collection": "other"}, "mode": "off"}, {}])
    records = [Texts(DOCUMENTS, [SEEN.query], SECRET).filled(hashed()), hashed()]

    assert len(cases_of_rule(records, made, made.rules[1])[0]) == 1
    assert cases_of_rule(records, made, made.rules[1])[1] == 1
    assert cases_of_rule(records, made, made.rules[0]) == ((), 0)


def test_some_are_taken_evenly():
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(10), 10) == range(10)
    assert spread(range(10), None) == range(10)


def test_the_digest_of_cases_tells_what_is_in_them():
    one = case(0)
    others = [
        one._replace(query="?"),
        one._replace(relevant={}),
        one._replace(page=slice(0, 3)),
        one._replace(candidates=one.candidates[::-1]),
        case(1),
    ]

    assert len({digest_of([other]) for other in [one, *others]}) == 6
    assert digest_of([one, case(1)]) != digest_of([case(1), one])
