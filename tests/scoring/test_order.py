"""Which candidate stands where."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.order import falling_scores, order_by_score

NAN = float("nan")


def order(values, readable=None, total=None):
    readable = list(range(len(values))) if readable is None else readable
    return order_by_score(np.array(values, np.float32), readable, len(values) if total is None else total)


def test_the_best_score_comes_first():
    assert order([0.1, 0.9, 0.5]) == (1, 2, 0)


def test_equal_scores_keep_the_store_s_order():
    assert order([1, 2, 1, 2]) == (1, 3, 0, 2)


def test_a_scored_prefix_is_ranked_and_the_rest_follows():
    assert order([1, 2, NAN, NAN]) == (1, 0, 2, 3)


def test_a_candidate_that_was_not_reached_keeps_its_place():
    """Row 3 was known from before; nobody read row 1, so nothing says that row 3 is the better one."""
    assert order([1, NAN, NAN, 2]) == (3, 1, 2, 0)


def test_candidates_without_text_follow_those_with_text():
    assert order([1, 2], readable=[1, 2], total=4) == (2, 1, 0, 3)


def test_rows_after_the_window_stay_last():
    assert order([1, 2], readable=[0, 1], total=4) == (1, 0, 2, 3)


@st.composite
def scored(draw):
    total = draw(st.integers(0, 30))
    readable = sorted(draw(st.sets(st.integers(0, max(total - 1, 0)), max_size=total))) if total else []
    values = draw(
        st.lists(
            st.floats(-100, 100, width=32) | st.just(NAN), min_size=len(readable), max_size=len(readable)
        )
    )
    return np.array(values, np.float32), readable, total


@given(scored())
def test_an_order_is_always_a_permutation(case):
    values, readable, total = case

    assert sorted(order_by_score(values, readable, total)) == list(range(total))


@given(scored())
def test_written_scores_never_increase_along_the_order(case):
    values, readable, total = case
    permutation = order_by_score(values, readable, total)

    scores = falling_scores(values, readable, permutation)

    assert len(scores) == total
    assert list(scores) == sorted(scores, reverse=True)


def test_scored_candidates_are_given_their_own_scores():
    assert falling_scores(np.array([1, 3, 2], np.float32), [0, 1, 2], [1, 2, 0]) == (3.0, 2.0, 1.0)


def test_candidates_without_a_score_get_that_of_the_row_before():
    assert falling_scores(np.array([1, 3], np.float32), [0, 2], [2, 1, 0]) == (3.0, 3.0, 1.0)
