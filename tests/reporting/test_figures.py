"""What records of two periods add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Outcome, Reason
from proxy.reporting.figures import summarise
from tests.fakes.record_weeks import DAY, END, harm, said, search, two_weeks

WEEK = 7 * DAY


def summary_of(*records, grades=None):
    return summarise(sorted(records, key=lambda one: one.at), END, WEEK, grades or {})


def test_a_period_and_the_one_before_are_told_apart():
    summary = summary_of(
        search(END - 15 * DAY), search(END - 14 * DAY), search(END - 8 * DAY), search(END - WEEK), search(END)
    )

    assert (summary.total.searches, summary.before.searches) == (1, 2)
    assert summary.since == END - WEEK
    assert summary.days == 7


def test_collections_are_added_up_alone_and_together():
    summary = summary_of(search(), search(), search(collection="faq"), said(1.0))

    assert {place: one.searches for place, one in summary.collections.items()} == {
        ("chroma", "docs"): 2,
        ("chroma", "faq"): 1,
    }
    assert summary.total.searches == 3
    assert summary.collections["chroma", "faq"].preferences.decided == 0
    assert summary.total.preferences.decided == 1


def test_a_sample_stands_for_more():
    figures = summary_of(search(share=0.1), search(share=0.5)).total

    assert (figures.searches, figures.stand_for) == (2, 12)


def test_outcomes_are_counted_with_their_reasons():
    figures = summary_of(
        search(), search(outcome=Outcome.CACHED), search(outcome=Outcome.FALLBACK, reason=Reason.LATE)
    ).total

    assert figures.ranked == 2
    assert figures.outcomes == {"reranked": 1, "cached": 1, "fallback": 1}
    assert figures.reasons == {("fallback", "late"): 1}


def test_what_was_ranked_behind_answers_is_kept_apart():
    swapped, same = (1, 0, 2, 3), (0, 1, 2, 3)
    figures = summary_of(
        search(order=swapped, added=0.01), search(order=same, shown="shadow", added=0.03),
        search(order=same, shown="auto_off", added=0.03),
    ).total  # fmt: skip

    assert figures.added == pytest.approx((0.01, 0.01, 0.01))
    assert figures.would_add == pytest.approx((0.03, 0.03, 0.03))
    assert (figures.changes.count, figures.would_change.count, figures.behind) == (1, 2, 2)
    assert (figures.changes.displaced, figures.would_change.displaced) == (1, 0)


def test_changes_are_those_of_first_pages():
    reverse = tuple(range(9, -1, -1))
    figures = summary_of(search(order=reverse), search(order=reverse, offset=5)).total

    assert figures.changes.count == 1
    assert figures.changes.overlap == 0
    assert 0 < figures.changes.biased_overlap < 1


def test_of_a_drawn_page_what_callers_saw_is_compared():
    drawn = replace(search(shown="interleaved"), order=tuple(range(10)), teams=(0,) * 10)
    figures = summary_of(drawn).total

    assert (figures.changes.count, figures.changes.displaced, figures.changes.overlap) == (1, 0, 1)


def test_a_search_that_fell_back_changes_nothing():
    figures = summary_of(search(outcome=Outcome.FALLBACK)).total

    assert figures.changes.count == 0
    assert (figures.changes.overlap, figures.changes.biased_overlap, figures.changes.displaced) == (1, 1, 0)


def test_sides_of_an_ab_are_compared():
    votes = [
        said(float(number % 10 < good), experiment="ab", arm=arm)
        for arm, good in (("treatment", 8), ("control", 3))
        for number in range(500)
    ]
    rates = summary_of(*votes).total.rates

    assert rates[:4] == pytest.approx((500, 500, 0.8, 0.3))
    assert 0.3 < rates.low < 0.5 < rates.high < 0.7
    assert summary_of(votes[0]).total.rates is None


def test_feedback_outside_of_experiments_proves_nothing():
    figures = summary_of(said(1.0, experiment="plain")).total

    assert figures.plain == 1
    assert (figures.preferences.decided, figures.rates) == (0, None)


@pytest.mark.parametrize(
    ("steps", "off", "alarm"),
    [
        ((), False, None),
        (("alarm",), False, "alarm"),
        (("alarm", "off"), True, "off"),
        (("off", "on"), False, None),
        (("off", "on", "alarm"), False, "alarm"),
        (("off", "alarm"), True, "alarm"),
    ],
)
def test_the_harm_guards_last_word_counts(steps, off, alarm):
    events = [harm(step, END - DAY + timedelta(minutes=place)) for place, step in enumerate(steps)]
    figures = summary_of(*events).total

    assert figures.off is off
    assert (figures.alarm.event if figures.alarm else None) == alarm


def test_a_collection_that_was_switched_off_long_ago_is_off():
    assert summary_of(search(shown="auto_off")).total.off
    assert not summary_of(search(END - 2 * DAY, shown="auto_off"), search()).total.off


def test_judged_queries_among_the_searches_are_scored():
    order = (1, 0, 2, 3)
    records = [search(order=order, query=f"q{number}", texts=True) for number in range(10)] * 3
    lift = summary_of(*records, grades={f"q{number}": {"d1": 1.0} for number in range(10)}).total.lift

    assert lift.queries == 10
    assert lift.mean == pytest.approx(1 - 0.6309, abs=1e-4)
    assert lift.low == pytest.approx(lift.mean)
    assert summary_of(*records, search(query="other", texts=True)).total.lift is None
    assert summary_of(records[0], records[1], grades={"q0": {"d1": 1}, "q2": {"d1": 1}}).total.lift is None
    assert (
        summary_of(search(texts=False, query="q0"), grades={"q0": {"d1": 1}, "q1": {"d1": 1}}).total.lift
        is None
    )


SOME = two_weeks()[-40:]


@given(st.permutations(SOME))
def test_the_order_of_searches_does_not_matter(records):
    figures = summarise(records, END, WEEK, {}).total
    known = summarise(SOME, END, WEEK, {}).total

    assert (figures.searches, figures.outcomes) == (known.searches, known.outcomes)
    assert figures.added == pytest.approx(known.added)
    assert figures.changes.overlap == pytest.approx(known.changes.overlap)


def test_nothing_adds_up_to_nothing():
    summary = summary_of()

    assert not summary.collections
    assert (summary.total.added, summary.total.store, summary.total.lift) == (None, None, None)
    assert not summary.total.off
