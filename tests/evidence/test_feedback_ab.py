"""Feedback on an A/B test: both sides are judged alike, all at the same age."""

from __future__ import annotations

import random

import pytest

from tests.fakes.feedback_desk import arm, desk, name
from tests.fakes.observations import observation


def test_of_an_ab_any_row_of_use_is_success_on_both_sides():
    """The rows of control are not known: looking at those of the other side alone would favour control."""
    one = desk()
    for number, side in ((1, "control"), (2, "treatment")):
        one.feedback.tell(observation(exchange=name(number)))
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm(side, number))
        assert one.say(number, "used", "from another source") == "taken"
    one.wait(60)

    assert [(told.kind, told.arm, told.value) for told in one.judged] == [
        ("ab", "control", 1.0),
        ("ab", "treatment", 1.0),
    ]
    assert one.feedback.totals()["unknown_ids"] == 0


def test_of_an_ab_silence_is_no_success_and_all_is_told_in_the_order_shown():
    one = desk(cited_weight=0.5)
    for number, side in ((1, "control"), (2, "treatment"), (3, "control"), (4, "treatment"), (5, "control")):
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm(side, number))
    for number, signal in ((5, "cited"), (5, None), (2, "cited"), (1, "cited"), (1, "used"), (3, None)):
        assert one.say(number, signal, "d0") == "taken"
    assert one.say(1, "clicked", "d0") == one.say(2, "cited", "d0") == "already_counted"
    assert one.judged == []
    assert one.found()["ab"]["waiting"] == 5
    one.wait(60)

    assert [(int(told.exchange, 16), told.value, told.signal) for told in one.judged] == [
        (1, 1.0, "used"),
        (2, 0.5, "cited"),
        (3, 0.0, None),
        (4, 0.0, None),
        (5, 0.5, "cited"),
    ]
    figures = one.found()["ab"]
    assert (figures["control_rate"], figures["treatment_rate"]) == pytest.approx((0.5, 0.25))
    assert figures["waiting"] == 0


@pytest.mark.parametrize("remember_s", [60, 3600])
def test_of_an_ab_success_is_not_told_before_silence(remember_s):
    """Success is posted at once and silence takes its time: counted at once, 20 % would begin as 100 %."""
    one, coins = desk(remember_s=remember_s), random.Random(1)
    for number in range(1000):
        side = coins.choice(("treatment", "control"))
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm(side, number))
        if coins.random() < 0.2:
            one.say(number, "used", "d0")
        one.clock.now += 1

    figures = one.found()["ab"]
    if remember_s == 3600:
        assert (figures["treatment"], figures["control"], figures["waiting"]) == (0, 0, 1000)
        assert one.judged == []
    else:
        assert figures["treatment_rate"] == pytest.approx(0.2, abs=0.06)
        assert figures["control_rate"] == pytest.approx(0.2, abs=0.06)
        assert figures["waiting"] == 59


def test_of_an_ab_what_is_forgotten_early_is_left_out_whatever_was_said_of_it():
    """With little memory feedback comes too late, and each answer would be a failure."""
    one, coins = desk(remember=100), random.Random(1)
    for number in range(1000):
        side = coins.choice(("treatment", "control"))
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm(side, number))
        if number >= 150:
            assert one.say(number - 150, "used", "d0") == "unknown"

    assert one.judged == []
    assert one.found()["ab"]["left_out"] == 900
    assert one.found()["ab"]["verdict"].endswith(
        "900 answers are left out that were forgotten before their time: `remember` is too small."
    )


def test_of_a_caller_the_first_answer_counts_even_if_it_is_of_no_use():
    one = desk()
    for number in (1, 2, 3):
        one.feedback.tell(observation(exchange=name(number)))
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm("treatment", 7))
    assert one.feedback.totals()["remembered"] == 1  # what doesn't count makes nothing else forgotten
    assert one.say(2, "used", "d0") == "unknown"
    one.wait(60)

    assert [(told.exchange, told.value) for told in one.judged] == [(name(1), 0.0)]
    assert one.found()["ab"]["repeated"] == 2


def test_sides_are_told_of_when_somebody_looks_though_nobody_searches():
    one = desk()
    one.feedback.tell_arm(name(1), "", "chroma", "docs", arm("control", 7))
    one.clock.now += 60

    assert one.found()["ab"]["control"] == 1
    assert len(one.judged) == 1
