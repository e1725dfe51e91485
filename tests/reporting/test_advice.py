"""The next step follows from what is proven, the worst first."""

from __future__ import annotations

import pytest

from proxy.model import Outcome, Reason
from proxy.reporting.advice import Step, advise, missing
from proxy.reporting.figures import summarise
from tests.fakes.record_weeks import DAY, END, harm, said, search


def figures_of(*records, grades=None):
    return summarise(records, END, 7 * DAY, grades or {}).total


def votes(value):
    return [said(value)] * 60


LATE = [search(outcome=Outcome.FALLBACK, reason=Reason.LATE)] * 100
UNCHANGED = [search(order=range(10))] * 200


def ab(treatment, control):
    sides = (("treatment", treatment), ("control", control))
    return [said(float(value), experiment="ab", arm=arm) for arm, value in sides for _ in range(200)]


@pytest.mark.parametrize(
    ("records", "step", "why"),
    [
        ([], Step.MORE_DATA, "nothing proves"),
        ([search()] * 200, Step.MORE_DATA, "nothing proves"),
        ([harm("alarm"), *votes(1.0)], Step.SWITCH_OFF, "has raised an alarm"),
        ([harm("off"), *votes(1.0)], Step.SWITCH_OFF, "has switched it off, since Sunday 22 November"),
        ([search(shown="auto_off")], Step.SWITCH_OFF, "answered in the store's order"),
        ([harm("off"), harm("on"), *votes(1.0)], Step.KEEP, "100 % of 60 comparisons"),
        ([*LATE, *votes(-1.0)], Step.SWITCH_OFF, "speak for the store's order"),
        ([*LATE, *votes(1.0)], Step.TUNE, "more time, or a faster model"),
        (LATE[:10], Step.MORE_DATA, "nothing proves"),
        ([*UNCHANGED, *votes(1.0)], Step.KEEP, "speak for the reranked order"),
        (UNCHANGED, Step.TUNE, "only 0 % of its answers"),
        (ab(1, 0), Step.KEEP, "more often of use"),
        (ab(0, 1), Step.SWITCH_OFF, "less often of use"),
        (ab(1, 1), Step.MORE_DATA, "nothing proves"),
        (votes(1.0)[:3], Step.MORE_DATA, "nothing proves"),
    ],
)
def test_the_first_line_that_holds_decides(records, step, why):
    advice = advise(figures_of(*records))

    assert advice.step is step
    assert why in advice.why


@pytest.mark.parametrize(("relevant", "step"), [("d1", Step.KEEP), ("d0", Step.SWITCH_OFF)])
def test_judged_queries_decide_too(relevant, step):
    records = [search(query=f"q{number}", texts=True) for number in range(30)]
    grades = {f"q{number}": {relevant: 1.0} for number in range(30)}

    assert advise(figures_of(*records, grades=grades)).step is step


@pytest.mark.parametrize("relevant", ["d1", "d0"])
def test_a_few_judged_queries_decide_nothing(relevant):
    """As `midrank eval`, which asks for more than these."""
    records = [search(query=f"q{number}", texts=True) for number in range(24)]
    grades = {f"q{number}": {relevant: 1.0} for number in range(24)}

    assert advise(figures_of(*records, grades=grades)).step is Step.MORE_DATA


def test_a_lift_too_small_to_be_worth_a_model_is_no_reason_to_keep_it():
    records = [search(query=f"q{number}", texts=True, order=range(10)) for number in range(95)]
    records += [search(query=f"good{number}", texts=True) for number in range(5)]
    grades = {f"q{number}": {"d1": 1.0} for number in range(95)} | {
        f"good{number}": {"d1": 1.0} for number in range(5)
    }
    figures = figures_of(*records, grades=grades)

    assert 0 < figures.lift.low < figures.lift.mean < 0.03
    assert advise(figures).step is not Step.KEEP


def told(*records, before=(), judged=False):
    return " ".join(missing(figures_of(*records), figures_of(*before), judged=judged))


def test_what_is_missing_is_told():
    assert "No search was recorded" in told()
    few = told(search())
    assert "Fewer than 100" in few
    assert "Nobody says" in few
    assert "Texts are not kept" in few
    assert "harm guard has told nothing" in few
    assert "time before" in few


def test_feedback_outside_of_experiments_compares_nothing():
    assert "What was said of 1 answer outside" in told(search(), said(1.0, experiment="plain"))
    assert "What was said of 2 answers outside" in told(search(), *[said(1.0, experiment="plain")] * 2)


def test_what_is_there_is_not_missed():
    many = [search(texts=True)] * 200

    assert told(*many, *votes(1.0), harm("on"), before=many, judged=True) == ""
    assert "3 compared answers don't tell" in told(*many, *votes(1.0)[:3])
    assert "--judged" in told(*many)
    assert "Nobody says" not in told(*many, *ab(1, 1))
