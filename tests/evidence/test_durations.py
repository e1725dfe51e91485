"""Quantiles out of counters are near those of the durations themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.durations import Durations

SECONDS = st.floats(1e-5, 100, allow_nan=False)


def of(seconds):
    durations = Durations()
    for one in seconds:
        durations.add(one)
    return durations


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_a_bucket_of_the_true_one(seconds, share):
    lower = np.quantile(seconds, share, method="lower")
    higher = np.quantile(seconds, share, method="higher")

    estimate = of(seconds).quantile(share)

    assert lower / 10 ** (1 / 20) * (1 - 1e-9) <= estimate <= higher * 10 ** (1 / 20) * (1 + 1e-9)


@given(st.lists(SECONDS, min_size=1, max_size=50))
def test_the_order_of_durations_is_of_no_matter(seconds):
    assert of(seconds).quantile(0.5) == of(sorted(seconds)).quantile(0.5)


@given(st.lists(SECONDS, min_size=1, max_size=50))
def test_quantiles_rise_and_stay_between_the_ends(seconds):
    durations = of(seconds)
    quantiles = [durations.quantile(share / 20) for share in range(21)]

    assert quantiles == sorted(quantiles)
    assert min(seconds) <= quantiles[0] <= quantiles[-1] <= max(seconds)


def test_of_nothing_every_quantile_is_zero():
    assert Durations().quantile(0.5) == 0


def test_a_single_duration_is_every_quantile():
    assert of([0.0123]).quantile(0.01) == of([0.0123]).quantile(0.99) == 0.0123


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_passed_over(odd):
    durations = of([odd, 0.5])

    assert durations.count == 1
    assert durations.quantile(1) == 0.5


def test_what_is_beyond_the_buckets_counts_at_their_ends():
    durations = of([-1, 0, 1e-9, 1e9])

    assert durations.quantile(0) <= 1e-5
    assert durations.quantile(1) >= 1000
