"""The store's score as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from proxy.scoring.blend import blended

NAN = np.nan


def blend(values, store, weight):
    return blended(np.array(values, np.float32), store, weight)


def order(values):
    return np.argsort(-values, kind="stable").tolist()


def test_both_are_standardised_and_mixed():
    """By hand: (1, 2, 3) has the mean 2 and the deviation sqrt(2/3)."""
    high = (3 / 2) ** 0.5

    mixed = blend([1, 2, 3], [30, 20, 10], 0.25)

    assert mixed == pytest.approx([-0.75 * high + 0.25 * high, 0, 0.75 * high - 0.25 * high])
    assert mixed.dtype == np.float32


def test_a_strong_store_wins_where_the_reranker_hardly_sees_a_difference():
    values, store = [5.0, 5.1, 4.0, 4.0], [0.99, 0.5, 0.4, 0.3]

    assert order(blend(values, store, 0.0)) == [1, 0, 2, 3]
    assert order(blend(values, store, 0.5)) == [0, 1, 2, 3]


def test_distances_are_better_the_lower_they_are():
    similarities = blend([1, 3, 2], [0.9, 0.5, 0.1], 0.4)

    assert blend([1, 3, 2], [0.1, 0.5, 0.9], 0.4) == pytest.approx(similarities)


@pytest.mark.parametrize(
    "store",
    [[0.9, None, 0.1], [None, None, None], [0.9, 0.1, 0.5], [0.9, NAN, 0.1], [np.inf, 1.0, 0.0]],
)
def test_without_scores_in_the_store_s_own_order_the_reranker_stands_alone(store):
    assert blend([1, 3, 2], store, 0.5).tolist() == [1, 3, 2]


def test_scores_that_are_all_equal_say_nothing():
    assert order(blend([1, 3, 2], [0.1, 0.1, 0.1], 0.5)) == [1, 2, 0]
    assert order(blend([0.3, 0.3, 0.3], [0.1, 0.2, 0.3], 0.5)) == [0, 1, 2]
    assert blend([0.1, 0.1], [0.3, 0.3], 0.5).tolist() == [0, 0]


def test_what_was_not_read_has_no_score_and_changes_none():
    mixed = blend([1, NAN, 2, NAN], [0.9, 0.8, 0.7, 0.0], 0.3)

    assert np.isnan(mixed).tolist() == [False, True, False, True]
    assert mixed[[0, 2]] == pytest.approx(blend([1, 2], [0.9, 0.7], 0.3))


def test_one_score_is_no_scale():
    assert blend([NAN, 7.0], [2.0, 1.0], 0.5)[1] == 7.0


@given(
    some.arrays(np.float32, st.integers(2, 50), elements=st.floats(width=32, allow_infinity=False)),
    st.data(),
    st.floats(0, 0.9),
)
def test_whatever_the_scores_are_no_other_place_has_one(values, data, weight):
    floats = st.floats(allow_nan=False, allow_infinity=False)
    drawn = data.draw(st.lists(floats, min_size=len(values), max_size=len(values)))
    store = sorted(drawn, reverse=data.draw(st.booleans()))

    mixed = blended(values, store, weight)

    assert np.array_equal(np.isnan(mixed), np.isnan(values))
    assert not np.isinf(mixed).any()


@given(some.arrays(np.float32, 20, elements=st.integers(-1000, 1000).map(float)))
def test_without_a_weight_the_order_is_the_reranker_s(values):
    assert order(blended(values, list(range(20)), 0.0)) == order(values)


@given(
    some.arrays(np.float32, 20, elements=st.integers(-1000, 1000).map(float)),
    st.lists(st.integers(-1000, 1000), min_size=20, max_size=20),
    st.sampled_from([0.5, 2.0, 1024.0]),
    st.sampled_from([-1024.0, 0.0, 64.0]),
)
def test_the_scale_of_the_store_s_scores_does_not_matter(values, store, scale, offset):
    store = sorted(store, reverse=True)
    elsewhere = [scale * one + offset for one in store]

    np.testing.assert_allclose(blended(values, elsewhere, 0.5), blended(values, store, 0.5), atol=1e-5)
