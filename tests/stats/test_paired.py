"""Differences are held to what they can't depend on, and p-values to how often they are small by chance."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats import paired
from proxy.stats.paired import mean_difference, randomisation_p, wins_losses

ALL = (mean_difference, randomisation_p, wins_losses)
# Quarters are added without rounding: sums are the same in every order.
gains = st.integers(0, 4).map(lambda quarters: quarters / 4)
pairs = st.lists(st.tuples(gains, gains), min_size=1, max_size=30)


def columns(rows):
    before, after = zip(*rows, strict=True)
    return before, after


def test_the_interval_of_equal_lists_is_a_point():
    assert mean_difference([0.2, 0.7], [0.2, 0.7]) == (0.0, 0.0, 0.0)


def test_the_interval_of_a_single_question_is_a_point():
    assert mean_difference([0.25], [0.5]) == (0.25, 0.25, 0.25)


def test_the_interval_holds_the_mean_and_is_reproducible():
    before, after = [0.1, 0.5, 0.4, 0.9], [0.3, 0.4, 0.8, 1.0]
    mean, low, high = mean_difference(before, after)
    assert low < mean < high
    assert mean == pytest.approx(0.15)
    assert mean_difference(before, after) == (mean, low, high)


def test_how_many_are_drawn_at_a_time_changes_nothing(monkeypatch):
    """Thousands of questions must not take gigabytes, nor give other figures than they used to."""
    before, after = np.random.default_rng(1).random((2, 57))
    at_once = mean_difference(before, after), randomisation_p(before, after)
    monkeypatch.setattr(paired, "_AT_ONCE", 1000)
    assert (mean_difference(before, after), randomisation_p(before, after)) == at_once


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        _, low, high = mean_difference(np.zeros(50), random.normal(0.1, 0.2, 50))
        covered += low <= 0.1 <= high
    assert covered >= 52


@pytest.mark.parametrize("compare", ALL)
@pytest.mark.parametrize(("before", "after"), [([], []), ([0.1], [0.1, 0.2]), ([0.1, 0.2], [0.1])])
def test_what_is_not_paired_is_refused(compare, before, after):
    with pytest.raises(ValueError, match="pairs"):
        compare(before, after)


@pytest.mark.parametrize("count", [1, 5, 300])
def test_equal_lists_give_no_reason_to_prefer_one(count):
    same = [0.5] * count
    assert randomisation_p(same, same) == 1.0
    assert wins_losses(same, same) == (0, count, 0)


def test_a_single_question_proves_nothing():
    assert randomisation_p([0.0], [1.0]) == 1.0


def test_few_questions_are_counted_out():
    """Of 16 patterns of signs, all the same way is 2, and one of the smallest the other way 2 more."""
    assert randomisation_p([0.0] * 4, [0.5, 0.25, 0.5, 0.5]) == 2 / 16
    assert randomisation_p([0.0] * 4, [0.5, -0.25, 0.5, 0.5]) == 4 / 16


def test_many_clear_differences_leave_the_least_p_there_is():
    assert randomisation_p([0.0] * 100, [1.0] * 100) == 1 / 10_001


@given(st.lists(gains, min_size=1, max_size=8), st.data())
def test_p_is_the_share_of_sign_patterns_that_reach_as_far(before, data):
    after = data.draw(st.lists(gains, min_size=len(before), max_size=len(before)))
    differences = [new - old for old, new in zip(before, after, strict=True)]
    patterns = [
        sum(sign * one for sign, one in zip(signs, differences, strict=True))
        for signs in product((-1, 1), repeat=len(before))
    ]
    expected = np.mean([abs(one) >= abs(sum(differences)) for one in patterns])
    assert randomisation_p(before, after) == pytest.approx(expected)


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_questions_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert randomisation_p(*columns(rows)) == randomisation_p(*columns(shuffled))
    assert wins_losses(*columns(rows)) == wins_losses(*columns(shuffled))
    assert mean_difference(*columns(rows))[0] == mean_difference(*columns(shuffled))[0]


@given(pairs)
def test_exchanging_the_ways_exchanges_wins_and_losses(rows):
    before, after = columns(rows)
    wins, ties, losses = wins_losses(before, after)
    assert wins_losses(after, before) == (losses, ties, wins)
    assert wins + ties + losses == len(rows)
    assert randomisation_p(after, before) == randomisation_p(before, after)


@given(pairs)
def test_an_interval_holds_its_mean_and_p_is_a_share(rows):
    mean, low, high = mean_difference(*columns(rows))
    assert low - 1e-12 <= mean <= high + 1e-12
    assert 0 < randomisation_p(*columns(rows)) <= 1


def test_rounding_is_a_tie():
    assert wins_losses([0.3], [0.1 + 0.2]) == (0, 1, 0)


def test_p_is_small_by_chance_as_often_as_it_says():
    random = np.random.default_rng(3)
    found = sum(randomisation_p(np.zeros(20), random.normal(0, 0.2, 20)) <= 0.05 for _ in range(100))
    assert found <= 12
