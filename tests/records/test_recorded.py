"""The lines of records: what is written is read, and what is not is named."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Outcome, Reason
from proxy.records.recorded import (
    BadRecord,
    NewerRecord,
    RecordedCandidate,
    RecordedFeedback,
    RecordedHarm,
    RecordedSearch,
    RecordedText,
    from_line,
    to_line,
)

times = st.datetimes(datetime(2001, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.floats(allow_nan=False, allow_infinity=False)
durations = st.floats(0, 1e9)
words = st.text(max_size=20)
candidates = st.builds(
    RecordedCandidate, id=words, text=st.none() | words, digest=st.none() | words, score=st.none() | numbers
)


@st.composite
def searches(draw):
    found = draw(st.lists(candidates, max_size=6))
    places = range(len(found))
    order = draw(st.permutations(places))
    ranked = draw(st.permutations(places))
    start = draw(st.integers(0, 5))
    return RecordedSearch(
        at=draw(times),
        exchange=draw(words),
        store=draw(words),
        collection=draw(words),
        shown=draw(st.sampled_from(("reranked", "interleaved", "shadow", "auto_off"))),
        query=draw(st.none() | words),
        query_digest=draw(words),
        page_start=start,
        page_stop=start + draw(st.integers(0, 5)),
        candidates=tuple(found),
        order=tuple(order),
        ranked=tuple(ranked),
        scores=draw(st.none() | st.tuples(*(numbers for _ in ranked))),
        scorer=draw(st.none() | words),
        outcome=draw(st.sampled_from(Outcome)),
        reason=draw(st.none() | st.sampled_from(Reason)),
        scored=draw(st.integers(0, 100)),
        added_ms=draw(durations),
        store_ms=draw(durations),
        teams=draw(st.none() | st.tuples(*(st.integers(0, 1) for _ in order))),
        share=draw(st.floats(0.001, 1)),
    )


feedback = st.builds(
    RecordedFeedback,
    at=times,
    exchange=words,
    store=words,
    collection=words,
    experiment=st.sampled_from(("interleave", "ab", "plain")),
    arm=st.sampled_from((None, "treatment", "control")),
    value=st.floats(-1, 1),
    signal=st.sampled_from((None, "used", "clicked", "cited")),
)
harm = st.builds(
    RecordedHarm,
    at=times,
    store=words,
    collection=words,
    event=st.sampled_from(("alarm", "off", "on")),
    estimate=st.none() | numbers,
    low=st.none() | numbers,
    high=st.none() | numbers,
    count=st.integers(0, 10**9),
    source=words,
)
records = searches() | feedback | harm | st.builds(RecordedText, digest=words, text=words)
junk = st.sampled_from(
    (None, True, -1, 2**63, 0.5, 1e300, "", "x", "9999-12-31T23:59:59+00:00", [], [0, 0], [99], {}, {"v": 1})
) | st.recursive(
    st.none() | st.integers() | words, lambda inner: st.lists(inner) | st.dictionaries(words, inner)
)


def nodes(tree, path=()):
    yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from nodes(value, (*path, key))


def replaced(tree, path, value):
    if not path:
        return value
    tree = copy.deepcopy(tree)
    place = tree
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return tree


@given(records)
def test_what_is_written_is_read(record):
    line = to_line(record)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert from_line(line) == record


@given(records, st.data())
def test_a_damaged_line_is_named_or_still_a_record(record, data):
    """Any one node of a line replaced by junk, or missing."""
    tree = orjson.loads(to_line(record))
    path = data.draw(st.sampled_from(list(nodes(tree))))
    damaged = replaced(tree, path, data.draw(junk))
    try:
        line = orjson.dumps(damaged)
    except TypeError:  # an integer that JSON can hold and orjson can't
        return
    try:
        read = from_line(line)
    except BadRecord:
        return
    assert from_line(to_line(read)) == read


@given(st.binary() | st.binary().map(lambda end: b'{"v":1,"kind":"harm",' + end))
def test_no_bytes_raise_anything_else(line):
    with pytest.raises(BadRecord):
        from_line(line)


@given(records, st.data())
def test_a_torn_line_is_no_record(record, data):
    line = to_line(record)
    cut = data.draw(st.integers(0, len(line) - 2))

    with pytest.raises(BadRecord):
        from_line(line[:cut])


def test_a_later_version_is_told_apart_from_junk():
    with pytest.raises(NewerRecord, match="version 2"):
        from_line(b'{"v":2,"kind":"sensation"}')


def test_keys_that_are_not_known_are_passed_over():
    record = RecordedHarm(datetime(2026, 1, 1, tzinfo=UTC), "s", "c", "off", None, None, None, 0, "probes")
    line = orjson.dumps(orjson.loads(to_line(record)) | {"more": 1})

    assert from_line(line) == record


def test_what_is_wrong_is_told_without_content():
    line = b'{"v":1,"kind":"text","digest":"d","text":{"secret":"hunter2"}}'

    with pytest.raises(BadRecord, match="text: Input should be a valid string") as caught:
        from_line(line)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"order": [0, 0]},
        {"order": [2]},
        {"ranked": [0, 1, 2]},
        {"scores": [1.0]},
        {"teams": [0]},
        {"page_start": 3, "page_stop": 2},
        {"at": "2026-01-01T00:00:00"},
        {"at": "1970-01-01T00:00:00Z"},
    ],
)
def test_places_and_times_mean_something(change):
    one = RecordedCandidate("a", None, None, None)
    record = RecordedSearch(
        datetime(2026, 1, 1, tzinfo=UTC), "", "s", "c", "shadow", None, "", 0, 2, (one, one), (0, 1), (1, 0),
        (2.0, 1.0), None, Outcome.RERANKED, None, 2, 1.0, 1.0,
    )  # fmt: skip
    tree = orjson.loads(to_line(record))

    assert from_line(orjson.dumps(tree)) == record
    with pytest.raises(BadRecord):
        from_line(orjson.dumps(tree | change))
