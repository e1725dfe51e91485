"""Which points are worth their time: laws of the frontier and of the choice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tuning.frontier import Option, choose, fits, layers, survivors

quality = st.floats(0, 1, allow_nan=False)
costs = st.floats(0, 10, allow_nan=False)


@st.composite
def options(draw, least=1):
    count = draw(st.integers(least, 8))
    cases = draw(st.integers(1, 6))
    rows = st.tuples(*[quality] * cases)
    # Costs from few values, so that some are equal.
    few = st.one_of(costs, st.sampled_from([1.0, 2.0, 3.0]))
    return [Option(draw(few), draw(rows)) for _ in range(count)]


def dominates(one, other):
    return (
        one.cost <= other.cost
        and one.quality >= other.quality
        and (one.cost, one.quality) != (other.cost, other.quality)
    )


@given(options())
def test_the_frontier_is_what_nothing_dominates(some):
    fronts = layers(some)

    for place, one in enumerate(some):
        assert (fronts[place] == 0) == (not any(dominates(other, one) for other in some))


@given(options())
def test_every_front_is_dominated_by_the_one_before(some):
    fronts = layers(some)

    assert set(fronts) == set(range(max(fronts) + 1))
    for place, one in enumerate(some):
        before = [other for other, front in zip(some, fronts, strict=True) if front == fronts[place] - 1]
        assert fronts[place] == 0 or any(dominates(other, one) for other in before)


@given(options(), st.randoms(use_true_random=False))
def test_the_order_of_options_changes_no_front(some, random):
    places = list(range(len(some)))
    random.shuffle(places)

    assert layers([some[place] for place in places]) == [layers(some)[place] for place in places]


@given(options(), costs)
def test_what_is_chosen_fits_and_is_near_the_best(some, limit):
    place = choose(some, limit)
    within = [one for one in some if fits(one.cost, limit)]
    if not within:
        assert place is None
        return
    chosen = some[place]
    best = max(one.quality for one in within)
    assert chosen in within
    # Whoever is as good as the best costs as much as the chosen one at least.
    assert all(chosen.cost <= one.cost for one in within if one.quality == best)
    peers = [one for one in within if one.quality == best]
    errors = [
        np.std(np.subtract(one.qualities, chosen.qualities), ddof=1) / math.sqrt(len(chosen.qualities))
        for one in peers
        if len(chosen.qualities) > 1
    ] or [0.0]
    assert best - chosen.quality <= max(errors) + 1e-9


@given(options(), costs, st.randoms(use_true_random=False))
def test_the_order_of_options_changes_no_choice(some, limit, random):
    shuffled = list(some)
    random.shuffle(shuffled)
    one, other = choose(some, limit), choose(shuffled, limit)

    assert (one is None) == (other is None)
    if one is not None:
        assert (some[one].cost, some[one].quality) == (shuffled[other].cost, shuffled[other].quality)


@given(options(), st.integers(1, 9), costs, quality)
def test_survivors_are_so_many_and_in_their_order(some, keep, limit, floor):
    left = survivors(some, limit, floor, keep)

    assert len(left) == min(keep, len(some))
    assert left == sorted(set(left))


@given(options(), st.integers(1, 9), costs, quality)
def test_nobody_survives_whom_a_fallen_one_dominates(some, keep, limit, floor):
    left = survivors(some, limit, floor, keep)
    fallen = [one for place, one in enumerate(some) if place not in left]

    assert not any(dominates(one, some[place]) for place in left for one in fallen)


def test_a_cheaper_one_is_taken_if_the_difference_is_chance():
    dear = Option(100.0, (1.0, 0.0, 0.9, 0.4, 0.7, 0.6))
    cheap = Option(10.0, (0.0, 1.0, 0.8, 0.4, 0.8, 0.5))

    assert choose([dear, cheap], 200.0) == 1


@pytest.mark.parametrize("cases", [2, 3, 7, 25, 50, 60, 100])
@given(low=st.floats(0, 0.9), more=st.floats(0.001, 0.1), same=quality)
def test_a_cheaper_one_is_taken_if_a_single_case_makes_the_difference(cases, low, more, same):
    """The mean difference is its standard error then, and no rounding is to decide."""
    rest = (same,) * (cases - 1)
    dear, cheap = Option(100.0, (low + more, *rest)), Option(10.0, (low, *rest))

    assert choose([dear, cheap], 200.0) == 1


def test_a_cheaper_one_is_not_taken_if_it_is_worse_all_along():
    dear = Option(100.0, (0.9, 0.8, 0.9, 0.8, 0.9, 0.8))
    cheap = Option(10.0, (0.8, 0.7, 0.8, 0.7, 0.8, 0.7))

    assert choose([dear, cheap], 200.0) == 0
    assert choose([dear, cheap], 50.0) == 1


def test_who_uses_up_a_budget_is_not_shut_out_by_it():
    assert fits(100.0, 100.0)
    assert fits(104.0, 100.0)
    assert not fits(106.0, 100.0)


@pytest.mark.parametrize("limit", [0.0, 9.0])
def test_nothing_is_chosen_where_nothing_fits(limit):
    assert choose([Option(10.0, (1.0,))], limit) is None
