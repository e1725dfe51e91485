import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evaluation.results import Difference
from proxy.evaluation.verdict import (
    FEWEST_QUERIES,
    LONGEST_WAIT,
    MOST_QUERIES,
    WORTHWHILE_LIFT,
    Kind,
    Verdict,
    judge,
    verdict_of,
)
from tests.fakes.evaluations import fabricated

# From the worst to the best; what can't be told has no place among them.
ORDER = [Kind.HARMFUL, Kind.PROBABLY_NOT, Kind.PROBABLY, Kind.WORTH_IT]

shares = st.floats(0, 1)


def lift(mean, low, high):
    return Difference(mean, low, high, p=0.01, wins=0, ties=0, losses=0)


@st.composite
def lifts(draw):
    mean = draw(st.floats(-1, 1))
    return lift(mean, mean - draw(st.floats(0, 0.5)), mean + draw(st.floats(0, 0.5)))


@pytest.mark.parametrize(
    ("mean", "low", "high", "kind"),
    [
        (0.059, 0.034, 0.084, Kind.WORTH_IT),
        (0.059, 0.012, 0.106, Kind.PROBABLY),
        (0.035, -0.004, 0.074, Kind.CANT_TELL),
        (0.01, -0.03, 0.05, Kind.CANT_TELL),
        (0.026, 0.008, 0.044, Kind.PROBABLY_NOT),
        (0.01, 0.002, 0.018, Kind.PROBABLY_NOT),
        (0.0, 0.0, 0.0, Kind.PROBABLY_NOT),
        (-0.005, -0.02, 0.01, Kind.PROBABLY_NOT),
        (-0.02, -0.035, -0.005, Kind.HARMFUL),
    ],
)
def test_the_advice_goes_by_the_lift_and_its_interval(mean, low, high, kind):
    assert judge(lift(mean, low, high), 300, added_p99=0.017).kind is kind


def test_a_verdict_is_a_plain_sentence():
    verdict = judge(lift(0.059, 0.034, 0.084), 300, added_p99=0.0171)

    assert verdict.sentence == "Worth it: NDCG@5 rises by .059 (95 % +.034 to +.084) for 17 ms more at p99."


def test_a_small_lift_is_told_what_it_falls_short_of():
    verdict = judge(lift(0.01, 0.002, 0.018), 300, added_p99=0.0018)

    assert verdict.sentence == (
        "Probably not worth it: NDCG@5 rises by .010 (95 % +.002 to +.018) for 1.8 ms more at p99. "
        "Less than .030 rarely pays for a model."
    )


def test_an_open_question_says_how_many_queries_would_settle_it():
    """Half the interval is .04 at 100 queries; clear of 0 it is at 100 * (.04 / .035)²."""
    verdict = judge(lift(0.035, -0.005, 0.075), 100, added_p99=0.02)

    assert verdict.enough == 140
    assert verdict.sentence.endswith("About 140 queries would settle it.")


def test_a_lift_at_the_very_line_is_settled_by_no_number_of_queries():
    assert judge(lift(WORTHWHILE_LIFT, 0.01, 0.05), 300, added_p99=0.02).enough is None


def test_what_callers_see_fail_outweighs_any_lift():
    verdict = judge(lift(0.2, 0.15, 0.25), 300, added_p99=0.02, failed=0.02)

    assert verdict.kind is Kind.PROBABLY_NOT
    assert "2.0 % of the searches failed that the store alone answers." in verdict.sentence
    assert "rarely pays" not in verdict.sentence


def test_what_people_will_not_wait_for_outweighs_any_lift():
    verdict = judge(lift(0.2, 0.15, 0.25), 300, added_p99=2.34)

    assert verdict.kind is Kind.PROBABLY_NOT
    assert "for 2.3 s more at p99. That is longer than people like to wait." in verdict.sentence


def test_many_fallbacks_are_named():
    assert "12 % fell back" in judge(lift(0.06, 0.04, 0.08), 300, added_p99=0.02, fell_back=0.12).sentence
    assert "fell back" not in judge(lift(0.06, 0.04, 0.08), 300, added_p99=0.02, fell_back=0.01).sentence


def test_few_candidates_that_were_read_are_named():
    lifted = lift(0.06, 0.04, 0.08)

    assert (
        "Models read only 14 % of the candidates." in judge(lifted, 300, added_p99=0.02, read=0.14).sentence
    )
    assert "Models read" not in judge(lifted, 300, added_p99=0.02, read=0.95).sentence


def test_a_handful_of_queries_decides_nothing():
    verdict = judge(lift(0.2, 0.2, 0.2), 1, added_p99=0.02)

    assert verdict == (
        Verdict(
            Kind.CANT_TELL,
            "Can't tell: NDCG@5 rises by .200 for 20 ms more at p99. "
            "Fewer than 25 queries are nothing to go by: ask 50 or more.",
        )
    )


def with_outcomes(arm, *outcomes):
    """Return the arm with these outcomes and reasons, taking turns."""
    asked = (
        one._replace(outcome=outcome, reason=reason)
        for place, one in enumerate(arm.asked)
        for outcome, reason in [outcomes[place % len(outcomes)]]
    )
    return replace(arm, asked=tuple(asked))


def test_a_policy_that_reranked_nothing_is_not_judged():
    evaluation = fabricated()
    arm = evaluation.policies[0]
    late = with_outcomes(arm, ("passed", "no_budget"), ("passed", "no_budget"), ("fallback", "late"))

    assert verdict_of(evaluation, with_outcomes(arm, ("passed", "mode_off"))) == (
        Verdict(Kind.NOTHING, "Nothing was reranked: mode_off 100 %.")
    )
    assert verdict_of(evaluation, late).sentence == "Nothing was reranked: no_budget 67 %, late 33 %."
    assert verdict_of(evaluation, with_outcomes(arm, ("failed", "timeout"), ("cached", ""))).kind is not (
        Kind.NOTHING
    )


def test_what_is_passed_for_lack_of_time_has_fallen_back():
    evaluation = fabricated()
    outcomes = ("passed", "no_budget"), ("passed", "overloaded"), ("passed", "no_text"), ("reranked", "")
    arm = with_outcomes(evaluation.policies[0], *outcomes)

    assert (arm.rates.fallback, arm.rates.passed) == (0.5, 0.25)
    assert "50 % fell back to the store's order." in verdict_of(evaluation, arm).sentence


def test_a_lift_within_a_shorter_page_is_called_so():
    evaluation = fabricated()
    sentence = verdict_of(replace(evaluation, k=3), evaluation.policies[0]).sentence

    assert ": NDCG@5 (of 3 rows) " in sentence


def test_time_that_is_saved_costs_nothing():
    assert "at no cost in time." in judge(lift(0.06, 0.04, 0.08), 300, added_p99=-0.003).sentence


@given(lifts(), st.integers(0, 5000), st.floats(-1, 60), st.tuples(shares, shares, shares))
def test_every_combination_gets_one_sentence_of_its_kind(difference, queries, added, rates):
    failed, fell_back, read = rates
    verdict = judge(difference, queries, added_p99=added, failed=failed, fell_back=fell_back, read=read)

    assert verdict.sentence.lower().startswith(f"{verdict.kind}: ndcg@5 ")
    assert verdict.sentence.endswith(".")
    assert not {"nan", "inf", "e-"} & set(verdict.sentence.split())


@given(lifts(), st.floats(0, 1), st.integers(FEWEST_QUERIES, 5000), st.floats(0, 2))
def test_a_greater_lift_never_gets_a_worse_verdict(difference, more, queries, added):
    higher = lift(*(end + more for end in (difference.mean, difference.low, difference.high)))
    before, after = (judge(one, queries, added_p99=added).kind for one in (difference, higher))

    if Kind.CANT_TELL not in (before, after):
        assert ORDER.index(after) >= ORDER.index(before)


@given(lifts(), st.integers(FEWEST_QUERIES, 5000), st.floats(0, 2), st.floats(0, 2))
def test_more_time_never_gets_a_better_verdict(difference, queries, added, more):
    before, after = (judge(difference, queries, added_p99=one).kind for one in (added, added + more))

    if Kind.CANT_TELL not in (before, after):
        assert ORDER.index(after) <= ORDER.index(before)


@given(lifts(), st.integers(1, 5000))
def test_the_number_of_queries_that_is_named_does_settle_it(difference, queries):
    """The interval shrinks with the root of their number; at that number the same lift is clear of a line."""
    verdict = judge(difference, queries, added_p99=0)
    if verdict.enough is None:
        return
    shrunk = math.sqrt(queries / (verdict.enough + 1))
    reach = shrunk * max(difference.high - difference.mean, difference.mean - difference.low)
    then = lift(difference.mean, difference.mean - reach, difference.mean + reach)

    assert queries <= verdict.enough <= MOST_QUERIES * 1.1 or verdict.enough == 2 * FEWEST_QUERIES
    assert judge(then, verdict.enough, added_p99=0).kind is not Kind.CANT_TELL


def test_a_policy_is_judged_by_what_its_callers_wait_longer():
    evaluation = fabricated()
    arm = evaluation.policies[0]
    verdict = verdict_of(evaluation, arm)

    assert verdict == judge(
        arm.lift,
        evaluation.queries,
        added_p99=arm.total.p99 - evaluation.store.total.p99,
        failed=arm.rates.failed - evaluation.store.rates.failed,
        fell_back=arm.rates.fallback,
        read=arm.scored,
    )
    assert arm.total.p99 < LONGEST_WAIT
