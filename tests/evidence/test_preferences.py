"""Preferences: who is spoken for, how surely, and in which words."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.preferences import Preferences, Tally

SIGNALS = st.sampled_from(["used", "clicked", "cited"])


def preferences(wins=0, losses=0, ties=0, *, signal="used", weight=1.0):
    one = Preferences()
    votes = [1] * wins + [-1] * losses + [0] * ties
    random.Random(1).shuffle(votes)
    for vote in votes:
        one.add(vote, weight, signal)
    return one


def test_of_nothing_nothing_is_proven():
    one = preferences()

    assert one.empty
    assert one.verdict() == "Nothing heard yet that tells the two orders apart."
    assert one.figures()["p_value"] == 1
    assert (one.figures()["preference_low"], one.figures()["preference_high"]) == (-1, 1)


def test_a_clear_preference_is_proven_whichever_it_is():
    reranked, store = preferences(80, 20), preferences(20, 80)

    assert reranked.verdict().startswith(
        "The reranked order is preferred: of the answers that told them apart, 80 spoke for the reranked "
        "order and 20 for the store's (p = "
    )
    assert store.verdict().startswith("The store's order is preferred: of the answers")
    assert reranked.figures()["preference"] == pytest.approx(0.6)
    assert reranked.figures()["preference_low"] > 0 > store.figures()["preference_high"]


def test_what_may_be_chance_is_not_called_a_preference():
    one = preferences(11, 9)

    assert one.verdict().startswith("No preference proven: of the answers")
    assert one.figures()["preference_low"] < 0 < one.figures()["preference_high"]


def test_answers_that_speak_for_neither_are_told_and_prove_nothing():
    one = preferences(12, 5)
    without = one.figures()
    for _ in range(1000):
        one.add(0, 1.0, "used")
    with_ties = one.figures()

    assert with_ties.pop("ties") == 1000
    assert without.pop("ties") == 0
    assert with_ties == pytest.approx(without)


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), SIGNALS), max_size=40))
def test_the_other_way_round_everything_is_the_other_way_round(votes):
    one, mirrored = Preferences(), Preferences()
    for vote, signal in votes:
        one.add(vote, 1.0, signal)
        mirrored.add(-vote, 1.0, signal)
    told, other = one.figures(), mirrored.figures()

    assert (told["wins"], told["losses"], told["ties"]) == (other["losses"], other["wins"], other["ties"])
    assert told["preference"] == pytest.approx(-other["preference"])
    assert told["preference_low"] == pytest.approx(-other["preference_high"], abs=1e-6)
    assert told["p_value"] == pytest.approx(other["p_value"])


def test_citations_count_less_in_all_and_the_same_among_themselves():
    strong, cited = preferences(20, 4), preferences(20, 4, signal="cited", weight=0.25)

    assert cited.figures()["preference"] == pytest.approx(strong.figures()["preference"] / 4)
    assert cited.figures()["p_value"] > strong.figures()["p_value"]
    by_signal = cited.evidence()["signals"]["cited"]
    assert by_signal["preference"] == pytest.approx(strong.figures()["preference"])
    assert cited.figures()["wins"] == by_signal["wins"] == 20


def test_citations_of_no_weight_are_told_apart_from_all():
    one = preferences(5, 1, signal="cited", weight=0.0)

    assert not one.empty
    assert (one.figures()["wins"], one.figures()["ties"]) == (0, 0)
    assert one.evidence()["signals"]["cited"]["wins"] == 5


def test_an_interval_is_computed_anew_when_there_is_something_new():
    tally = Tally()
    tally.add(1)
    before = tally.interval

    assert tally.interval == before
    tally.add(1)
    assert tally.interval != before


def test_the_evidence_is_json():
    told = preferences(3, 2, 1).evidence()

    assert json.loads(json.dumps(told)) == told
    assert set(told["signals"]) == {"used"}
