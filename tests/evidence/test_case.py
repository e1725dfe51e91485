"""The case against reranking a collection: when it is enough for an alarm, and when for the end of one."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.case import LEAST_PREFERRED, Case, Source, Terms
from proxy.evidence.witness import LIMIT, SEASON, WEEK

PROBES, REFERENCE, PREFERENCE = Source
TERMS = Terms(min_lift=0.0, error=0.05)
VALUES = st.lists(st.sampled_from([-1.0, -0.37, -0.1, 0.0, 0.1, 0.37, 1.0]), max_size=60)


def case(*sources, terms=TERMS):
    return Case(sources or (PROBES,), terms, 0.0)


def feed(one, value, times, *, source=PROBES, first=0, now=0.0):
    """Add a value with that many queries, if it is wanted; return what it changes."""
    wanted = (n for n in range(first, first + times) if one.wants(source, n, now))
    return [step for n in wanted if (step := one.add(source, value, n, now))]


def until_it_changes(one, value, *, source=PROBES, first=0, now=0.0):
    """Add a value until something changes; return the step."""
    for n in range(LIMIT):
        if (step := one.add(source, value, first + n, now)) is not None:
            return step
    raise AssertionError("nothing changes")


def test_clear_harm_raises_an_alarm_once():
    one = case()

    [step] = feed(one, -0.4, 300)

    assert (step.kind, step.source) == ("raised", PROBES)
    assert step.estimate.mean == pytest.approx(-0.4)
    assert step.estimate.low < -0.4 < step.estimate.high < 0
    assert one.alarm is not None
    assert (one.alarm.source, one.alarm.estimate) == (PROBES, step.estimate)


def test_a_few_bad_searches_are_no_case():
    one = case()

    assert feed(one, -1.0, 3) == []


def test_good_reranking_is_proven():
    one = case()
    assert not one.proven()

    assert feed(one, 0.4, 100) == []

    assert one.proven()


def test_what_has_to_be_reached_is_the_policys():
    """A lift of .1 is enough for most, and not for whoever wants .3."""
    assert feed(case(), 0.1, 1000) == []
    assert feed(case(terms=Terms(0.3, 0.05)), 0.1, 1000) != []
    assert feed(case(terms=Terms(-0.3, 0.05)), -0.1, 1000) == []


@pytest.mark.parametrize(("min_lift", "bar"), [(0.2, 0.0), (0.0, 0.0), (-0.2, -0.2)])
def test_preferences_are_no_lifts(min_lift, bar):
    """Nobody prefers an order by .2 of NDCG; but where harm is allowed, some dislike is too."""
    terms = Terms(min_lift, 0.05)

    assert terms.bar(PREFERENCE) == bar
    assert terms.bar(PROBES) == terms.bar(REFERENCE) == min_lift


def test_a_query_counts_once():
    one = case()

    for _ in range(1000):
        assert feed(one, -1.0, 1, first=7) == []

    assert one.estimates()[PROBES].count == 1
    assert one.wants(PROBES, 8, 0.0)


def test_preferences_take_some_queries_before_they_are_believed():
    """The bounds alone would be sure after eight; so few can be one person's."""
    one = case(PREFERENCE)

    assert feed(one, -1.0, LEAST_PREFERRED - 1, source=PREFERENCE) == []
    assert one.estimates()[PREFERENCE].high < 0
    [step] = feed(one, -1.0, 1, source=PREFERENCE, first=LEAST_PREFERRED)

    assert (step.source, step.estimate.count) == (PREFERENCE, LEAST_PREFERRED)


def test_neither_are_they_when_they_are_good():
    one = case(PREFERENCE)
    feed(one, 1.0, LEAST_PREFERRED - 1, source=PREFERENCE)
    assert not one.proven()

    feed(one, 1.0, 1, source=PREFERENCE, first=LEAST_PREFERRED)

    assert one.proven()


def test_a_query_counts_for_every_source():
    one = case(PROBES, REFERENCE)
    for source in (PROBES, REFERENCE):
        one.add(source, 0.5, 7, 0.0)

    assert {source: found.count for source, found in one.estimates().items()} == {PROBES: 1, REFERENCE: 1}


def test_the_chance_of_error_is_shared():
    """Whoever asks three has to hear more from each."""
    alone = until_it_changes(case(), -0.1).estimate.count
    shared = until_it_changes(case(PROBES, REFERENCE, PREFERENCE), -0.1).estimate.count

    assert alone < shared


def test_an_alarm_ends_by_what_comes_after_it():
    """The harm of before is not held against what has become good, and proves nothing more."""
    one = case()
    feed(one, -0.4, 300)
    assert not one.proven()

    step = until_it_changes(one, 0.4, first=10_000)

    assert (step.kind, step.source) == ("ended", PROBES)
    assert step.estimate.low > 0
    assert one.alarm is None


def test_an_alarm_does_not_end_while_another_source_says_the_opposite():
    one = case(PROBES, REFERENCE)
    feed(one, -0.4, 300)
    feed(one, -0.4, 300, source=REFERENCE)

    assert feed(one, 0.4, 300, first=1000) == []
    assert one.alarm is not None


def test_every_alarm_takes_more_than_the_one_before():
    one, counts = case(), []
    for turn in range(4):
        first = turn * 10_000
        counts.append(until_it_changes(one, -0.2, first=first).estimate.count)
        until_it_changes(one, 0.2, first=first + 5_000)

    assert counts == sorted(counts)
    assert len(set(counts)) == 4


def test_a_source_that_repeats_itself_is_heard_again_after_a_week():
    """A job that asks the same every night would else have said all in the first one."""
    one = case()
    for night in range(7):
        feed(one, 0.1, 100, now=night * 86_400.0)
    assert one.estimates()[PROBES].count == 100

    feed(one, 0.3, 40, now=WEEK)

    assert one.estimates()[PROBES].count == 40
    assert one.estimates()[PROBES].mean == pytest.approx(0.3)


def test_a_source_that_mostly_says_something_new_is_not_interrupted():
    one = case()
    for day in range(30):
        feed(one, 0.1, 10, first=10 * day, now=day * 86_400.0)
        feed(one, 0.1, 3, first=10 * day, now=day * 86_400.0)

    assert one.estimates()[PROBES].count == 300


def test_nothing_is_remembered_for_longer_than_a_season():
    one = case()
    feed(one, 0.1, 100, now=0.0)

    feed(one, 0.1, 1, first=100, now=SEASON)

    assert one.estimates()[PROBES].count == 1


def test_what_has_grown_large_begins_anew():
    """So a collection that was good for years is not bad for years before it is noticed."""
    one = case()
    feed(one, 0.2, LIMIT)
    assert one.estimates()[PROBES].count == LIMIT

    assert until_it_changes(one, -0.2).estimate.count < 300


def test_a_source_that_is_silent_has_an_estimate_of_nothing():
    found = case(PROBES, REFERENCE).estimates()[REFERENCE]

    assert (found.mean, found.count) == (0.0, 0)
    assert (found.low, found.high) == pytest.approx((-1, 1), abs=0.001)


@given(VALUES, VALUES)
def test_what_is_kept_goes_on_as_if_nothing_had_happened(before, after):
    one = case(PROBES, PREFERENCE)
    for number, value in enumerate(before):
        one.add(PROBES, value, number, 5.0)
        one.add(PREFERENCE, value, number, 5.0)

    other = Case.from_state(orjson.loads(orjson.dumps(one.to_state())), (PROBES, PREFERENCE), TERMS, 9.0)

    assert other.alarm == one.alarm
    for number, value in enumerate(after, 50):
        assert one.add(PROBES, value, number, 10.0) == other.add(PROBES, value, number, 10.0)
    assert one.estimates() == other.estimates()


def test_an_alarm_is_kept_when_its_source_is_gone():
    one = case(PROBES, REFERENCE)
    feed(one, -0.4, 300)

    other = Case.from_state(orjson.loads(orjson.dumps(one.to_state())), (REFERENCE,), TERMS, 0.0)

    assert other.alarm == one.alarm
    assert list(other.estimates()) == [REFERENCE]


def test_a_source_that_is_new_begins_beside_what_is_kept():
    one = case(PROBES)
    feed(one, 0.1, 5)

    other = Case.from_state(orjson.loads(orjson.dumps(one.to_state())), (PROBES, REFERENCE), TERMS, 0.0)

    assert [found.count for found in other.estimates().values()] == [5, 0]


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        {"alarm": None, "sources": []},
        {"alarm": None, "sources": {"probes": 3}},
        {
            "alarm": None,
            "sources": {"probes": {"mean": {}, "begun": 0, "number": 1, "counted": "", "repeats": 0}},
        },
        {"alarm": {"source": "nobody"}, "sources": {}},
        {"alarm": 1, "sources": {}},
    ],
)
def test_junk_is_no_case(state):
    with pytest.raises(ValueError):
        Case.from_state(state, (PROBES,), TERMS, 0.0)


def test_the_promise_is_one_about_queries_in_random_order():
    """Sorted by topic, the bad ones first, they prove what is true of that topic alone: docs say shuffle."""
    lifts = [-0.37] * 60 + [0.37] * 140

    def alarmed(values):
        one = case()
        return next((n for n, value in enumerate(values, 1) if one.add(PROBES, value, n, 0.0)), None)

    assert alarmed(lifts) == 18
    assert [alarmed(random.Random(seed).sample(lifts, len(lifts))) for seed in range(20)] == [None] * 20


def test_without_lift_and_without_harm_alarms_are_as_rare_as_promised():
    """Looked at after every search; the benchmark `harm_week` has real lifts, and thousands of weeks."""
    coins, alarms = random.Random(1), 0
    for _ in range(80):
        one = case()
        alarms += any(one.add(PROBES, coins.choice((-0.4, 0.0, 0.4)), n, 0.0) for n in range(150))

    assert alarms <= 4
