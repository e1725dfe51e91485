"""NDCG is compared with hand-computed values, then held to what any order must satisfy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.ndcg import ndcg

grades = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3))
orders = st.permutations("abcdefgh")


def test_the_ideal_order_scores_one():
    assert ndcg(["a", "b", "c"], {"a": 3, "b": 2, "c": 1}, 3) == 1.0


def test_a_known_value_is_met():
    """3/log2(2) + 2/log2(3) + 3/log2(4) + 0 + 1/log2(6) + 2/log2(7) over the ideal 3, 3, 2, 2, 1, 0."""
    relevant = dict(zip("abcdef", (3, 2, 3, 0, 1, 2), strict=True))
    assert ndcg("abcdef", relevant, 6) == pytest.approx(6.861126688593502 / 7.140995184095700)


def test_a_lone_answer_is_discounted_by_its_rank():
    assert ndcg(["x", "y", "a"], {"a": 3}, 5) == pytest.approx(1 / math.log2(4))


def test_places_beyond_k_count_for_nothing():
    assert ndcg(["x", "y", "a"], {"a": 3}, 2) == 0.0


def test_a_repeated_document_counts_once():
    assert ndcg(["a", "a", "b"], {"a": 1, "b": 1}, 2) == 1.0
    assert ndcg(["a", "a"], {"a": 1}, 2) == 1.0


def test_a_question_without_judgments_scores_zero():
    assert ndcg(["a"], {}, 5) == 0.0


def test_an_empty_answer_scores_zero():
    assert ndcg([], {"a": 1}, 5) == 0.0


@given(orders, grades, st.integers(1, 8))
def test_ndcg_lies_between_zero_and_one(order, relevant, k):
    assert 0.0 <= ndcg(order, relevant, k) <= 1.0 + 1e-12


@given(orders, grades, st.integers(0, 6), st.integers(1, 8))
def test_moving_a_better_document_up_never_hurts(order, relevant, place, k):
    first, second = order[place : place + 2]
    if relevant.get(first, 0) > relevant.get(second, 0):
        first, second = second, first
    worse = [*order[:place], first, second, *order[place + 2 :]]
    better = [*order[:place], second, first, *order[place + 2 :]]
    assert ndcg(better, relevant, k) >= ndcg(worse, relevant, k) - 1e-12


@given(orders, grades)
def test_only_the_relevant_documents_places_matter(order, relevant):
    irrelevant = iter([name for name in order if not relevant.get(name)][::-1])
    other = [name if relevant.get(name) else next(irrelevant) for name in order]
    assert ndcg(order, relevant, 5) == ndcg(other, relevant, 5)


def test_grades_may_be_fractions():
    """Those of a reference model are."""
    assert ndcg(["a", "b"], {"a": 0.25, "b": 0.5}, 1) == 0.5


def test_a_grade_below_zero_counts_as_none():
    """Some collections judge spam so; an order can't be worse than useless."""
    assert ndcg(["spam", "a"], {"spam": -2, "a": 1}, 2) == ndcg(["x", "a"], {"a": 1}, 2)
    assert ndcg(["spam"], {"spam": -2}, 2) == 0.0


@given(st.lists(st.sampled_from("abcdefgh")), grades, st.integers(1, 8), st.floats(0.01, 100))
def test_only_ratios_of_grades_matter(ranked, relevant, k, scale):
    scaled = {name: grade * scale for name, grade in relevant.items()}
    assert ndcg(ranked, scaled, k) == pytest.approx(ndcg(ranked, relevant, k))
