"""A good threshold is left alone, a bad one is not for long, and two rankings agree as much as they do."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.hit_audit import OFF, FalseHits, agreement, chance_of_more

GOOD, BAD = 1.0, -1.0
scores = st.lists(st.integers(0, 8), min_size=5, max_size=50)


def floats(*values):
    return np.array(values, np.float32)


def test_the_same_order_agrees_whatever_the_scores():
    assert agreement(floats(9, 5, 4, 1, 0), floats(0.9, 0.8, 0.7, 0.6, -3)) == pytest.approx(1)


def test_a_reversed_order_disagrees():
    assert agreement(floats(5, 4, 3, 2, 1), floats(1, 2, 3, 4, 5)) == pytest.approx(-1)


def test_orders_that_have_nothing_in_common_agree_by_nothing():
    generator = np.random.default_rng(0)
    found = [agreement(*generator.standard_normal((2, 20))) for _ in range(500)]
    assert np.mean(found) == pytest.approx(0, abs=0.03)


def test_an_exchange_at_the_top_weighs_more_than_one_at_the_end():
    own = floats(*range(20, 0, -1))
    top, end = own.copy(), own.copy()
    top[:2] = top[1::-1]
    end[-2:] = end[:-3:-1]
    assert agreement(top, own) < agreement(end, own) < 1


@given(scores, st.randoms(use_true_random=False))
def test_it_is_the_same_whoever_is_first_and_in_whatever_order_the_texts_come(one, shuffled):
    other = list(one)
    shuffled.shuffle(other)
    places = list(range(len(one)))
    shuffled.shuffle(places)
    one, other = floats(*one), floats(*other)
    expected = agreement(one, other)
    assert agreement(other, one) == pytest.approx(expected, nan_ok=True)
    assert agreement(one[places], other[places]) == pytest.approx(expected, nan_ok=True)
    assert expected is None or -1 <= expected <= 1


@given(scores, scores)
def test_it_is_what_scipy_says(one, other):
    stats = pytest.importorskip("scipy.stats")
    count = min(len(one), len(other))
    one, other = floats(*one[:count]), floats(*other[:count])
    found = agreement(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.weightedtau(one, other).statistic)


def test_texts_without_both_scores_are_left_out():
    reused = floats(5, 4, math.nan, 3, 2, 1)
    own = floats(5, 4, 9, 3, 2, 1)
    assert agreement(reused, own) == pytest.approx(1)
    assert agreement(own, reused) == pytest.approx(1)


def test_too_few_texts_say_nothing():
    assert agreement(floats(1, 2, 3, 4, math.nan), floats(1, 2, 3, 4, 5)) is None
    assert agreement(floats(), floats()) is None


def test_scores_that_are_all_equal_are_no_order():
    assert agreement(floats(1, 1, 1, 1, 1), floats(1, 2, 3, 4, 5)) is None
    assert agreement(floats(1, 2, 3, 4, 5), floats(1, 1, 1, 1, 1)) is None


def test_the_chance_is_that_of_the_binomial_distribution():
    assert chance_of_more(0, 10, 0.5) == 1
    assert chance_of_more(10, 10, 0.5) == pytest.approx(2**-10)
    assert chance_of_more(1, 10, 0.0) == 0
    assert chance_of_more(3, 10, 1.0) == 1
    special = pytest.importorskip("scipy.special")
    assert chance_of_more(15, 500, 0.01) == pytest.approx(special.bdtrc(14, 500, 0.01), rel=1e-6)


def audited(hits: FalseHits, rate: float, audits: int, seed: int) -> int | None:
    """Audit hits of which a share is false; return how many it took until the threshold rose."""
    chance = random.Random(seed)
    for number in range(1, audits + 1):
        if hits.record(BAD if chance.random() < rate else GOOD):
            return number
    return None


def test_a_good_threshold_is_left_alone():
    """10,000 hits of which 2 % are audited, at the very rate that is allowed."""
    risen = [audited(FalseHits(0.95, 0.01), 0.01, 200, seed) for seed in range(500)]
    assert sum(one is not None for one in risen) <= 5


def test_a_good_threshold_is_left_alone_even_if_every_hit_is_audited():
    risen = [audited(FalseHits(0.95, 0.01), 0.005, 10_000, seed) for seed in range(25)]
    assert risen == [None] * 25


@pytest.mark.parametrize(("rate", "audits"), [(0.05, 500), (0.1, 150), (0.2, 60), (0.5, 20)])
def test_a_bad_threshold_rises_soon(rate, audits):
    """In 95 of 100 runs."""
    took = [audited(FalseHits(0.9, 0.01), rate, 10_000, seed) for seed in range(100)]
    assert sorted(one or math.inf for one in took)[95] <= audits


def test_one_unlucky_audit_is_no_reason():
    hits = FalseHits(0.95, 0.01)
    assert not hits.record(BAD)
    assert hits.threshold == 0.95
    assert hits.rate == 1
    assert (hits.audited, hits.false) == (1, 1)


def test_where_none_may_be_false_the_first_is_reason_enough():
    hits = FalseHits(0.95, 0.0)
    assert hits.record(BAD)


def test_where_all_may_be_false_nothing_is():
    assert audited(FalseHits(0.95, 1.0), 1.0, 100, 0) is None


def test_a_risen_threshold_starts_anew_and_never_falls():
    hits = FalseHits(0.9, 0.01)
    assert audited(hits, 1.0, 10, 0) is not None
    assert hits.threshold == pytest.approx(0.95)
    assert hits.rate == 0
    assert hits.false == hits.audited > 0
    assert audited(hits, 0.0, 1000, 0) is None
    assert hits.threshold == pytest.approx(0.95)


@pytest.mark.parametrize("threshold", [0.8, 0.9, 0.95, 0.99])
def test_a_handful_of_steps_leads_from_any_threshold_to_off(threshold):
    hits = FalseHits(threshold, 0.01)
    steps = 0
    while not hits.off:
        assert audited(hits, 1.0, 10, steps) is not None
        steps += 1
    assert steps <= 6
    assert OFF <= hits.threshold < 1


def test_the_rate_is_that_of_the_last_five_hundred():
    hits = FalseHits(0.95, 1.0)
    for _ in range(300):
        hits.record(BAD)
    for _ in range(400):
        hits.record(GOOD)
    assert hits.rate == pytest.approx(0.2)
    assert (hits.audited, hits.false) == (700, 300)


def test_the_least_agreement_is_a_setting():
    strict, lax = FalseHits(0.95, 0.0, least_agreement=0.9), FalseHits(0.95, 0.0, least_agreement=0.1)
    assert strict.record(0.5)
    assert not lax.record(0.5)
