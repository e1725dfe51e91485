"""A/B: callers are what is compared, both sides alike, and a split that is off is said to be."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.experiments import Arm, Experiments
from proxy.evidence.trial import SplitCheck, Trial
from proxy.policy import Rule


def arm(name, caller=0, share=0.5):
    return Arm(name, caller, share)


def trial(treated, control, callers=600):
    """Run callers through both sides in turn, of whom so many find what they want."""
    one, coins = Trial(), random.Random(5)
    for caller in range(callers):
        side, rate = (("treatment", treated), ("control", control))[caller % 2]
        assert one.begin(arm(side, caller))
        one.add(arm(side, caller), coins.random() < rate)
    return one


def test_a_caller_counts_once():
    one = Trial()
    begun = [one.begin(arm("control", caller)) for caller in (7, 7, 2**64 - 1, 0, 7, 0)]

    assert begun == [True, False, True, True, False, False]
    assert one.figures()["control_callers"] == 3
    assert one.figures()["repeated"] == 3


def test_callers_who_differ_prove_nothing_however_often_they_come():
    """Counted with every visit, a difference would be "proven" in 5 of these 20 experiments."""
    for seed in range(20):
        one, coins = Trial(), random.Random(seed)
        callers = [
            (arm(("treatment", "control")[caller % 2], caller), coins.betavariate(1, 1))
            for caller in range(80)
        ]
        for _ in range(100):
            for who, rate in callers:
                if one.begin(who):
                    one.add(who, coins.random() < rate)

        assert one.verdict().startswith("No difference proven: ")


def test_when_there_is_no_room_nobody_else_takes_part():
    one = Trial(most_callers=100)
    coins = random.Random(1)
    callers = [arm(coins.choice(("treatment", "control")), caller) for caller in range(130)]
    for _ in range(90):
        for who in callers:
            if one.begin(who):
                one.add(who, 0.5)

    figures = one.figures()
    assert figures["treatment_callers"] + figures["control_callers"] == 100
    assert figures["split_p_value"] > 0.05
    assert one.verdict().startswith("No difference proven: ")
    assert one.verdict().endswith(" These are the first 100 callers; nobody else has a part.")


def test_answers_that_were_forgotten_early_are_told():
    one = trial(0.5, 0.5)
    for caller in range(600, 640):
        one.begin(arm(("treatment", "control")[caller % 2], caller))
    for _ in range(30):
        one.leave_out()

    assert (one.figures()["left_out"], one.figures()["waiting"]) == (30, 10)
    assert one.verdict().startswith("No difference proven: ")
    assert one.verdict().endswith(
        " 30 answers are left out that were forgotten before their time: `remember` is too small."
    )


def test_the_difference_has_an_interval_around_it():
    figures = trial(0.8, 0.3).figures()

    assert figures["treatment_rate"] == pytest.approx(0.8, abs=0.07)
    assert figures["control_rate"] == pytest.approx(0.3, abs=0.07)
    assert figures["difference"] == pytest.approx(figures["treatment_rate"] - figures["control_rate"])
    assert 0 < figures["difference_low"] < figures["difference"] < figures["difference_high"]


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((0.8, 0.3), "Reranking helps: "),
        ((0.3, 0.8), "Reranking harms: "),
        ((0.5, 0.5), "No difference proven: "),
    ],
)
def test_what_is_proven_is_said(rates, words):
    verdict = trial(*rates).verdict()

    assert verdict.startswith(words)
    assert "% of the reranked answers were of use, and " in verdict


def test_few_callers_prove_nothing_however_clear_they_are():
    words = (
        "Too few callers to tell: of those whose time to say something is over, {} were reranked and {} were"
    )
    assert trial(1, 0, callers=40).verdict().startswith(words.format(20, 20))
    assert Trial().verdict().startswith(words.format(0, 0))


def test_a_side_without_judged_answers_has_no_rate():
    one = Trial()
    for caller in range(100):
        one.begin(arm(("treatment", "control")[caller % 2], caller))
        if caller % 2:
            one.add(arm("control", caller), 1)

    assert "difference" not in one.figures()
    assert one.verdict().startswith("Too few callers to tell")


def test_a_split_that_is_off_overrides_all():
    one = trial(0.9, 0.1)
    for caller in range(1000, 1300):
        one.begin(arm("treatment", caller))

    assert one.verdict().startswith("Not to be trusted: 600 callers were reranked and 300 were not")


def test_one_busy_caller_is_no_split_that_is_off():
    """A robot searches ten thousand times: as a caller it is one."""
    one = trial(0.5, 0.5)
    for _ in range(10_000):
        one.begin(arm("treatment", 0))

    assert not one.verdict().startswith("Not to be trusted")


@pytest.mark.parametrize("share", [0.5, 0.1, 0.9])
def test_real_lots_pass_the_check_of_the_split(share):
    rule = Rule.model_validate({"experiment": {"kind": "ab", "header": "x-user", "share": share}})
    lots, check = Experiments(b"secret", lambda: 0.0), SplitCheck()
    for caller in range(3000):
        check.add(lots.arm(rule, {"x-user": str(caller)}))

    assert check.p_value > 0.05


def test_without_a_control_there_is_no_split_to_check():
    check = SplitCheck()
    for _ in range(100):
        check.add(arm("treatment", share=1.0))

    assert (check.treated, check.p_value) == (100, 1)


def test_the_check_seldom_cries_wolf_however_often_one_looks():
    coins, alarms = random.Random(3), 0
    for _ in range(200):
        check = SplitCheck()
        for _ in range(300):
            check.add(arm("treatment" if coins.random() < 0.5 else "control"))
        alarms += check.p_value < 0.05

    assert alarms <= 10


@given(st.lists(st.booleans(), max_size=50), st.floats(0.05, 0.95))
def test_the_p_value_of_the_split_never_rises(sides, share):
    check, before = SplitCheck(), 1.0
    for treated in sides:
        check.add(arm("treatment" if treated else "control", share=share))
        assert 0 < check.p_value <= before
        before = check.p_value


def test_the_evidence_is_json():
    told = trial(0.5, 0.5, 60).evidence()

    assert json.loads(json.dumps(told)) == told
