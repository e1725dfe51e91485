"""Overlaps are held to hand-computed values, to the paper's formula, and to what any of them must satisfy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.overlap import overlap_at, rank_biased_overlap

lists = st.lists(st.sampled_from("abcdefgh"), unique=True)
persistences = st.floats(0.05, 0.99)


def as_in_the_paper(a, b, p):
    """Equation 32, term by term: X_d are the names that both lists have within the first d."""
    short, long = sorted((len(a), len(b)))
    common = [len(set(a[:depth]) & set(b[:depth])) for depth in range(long + 1)]
    seen = sum(common[depth] / depth * p**depth for depth in range(1, long + 1))
    unseen = sum(
        common[short] * (depth - short) / (short * depth) * p**depth for depth in range(short + 1, long + 1)
    )
    end = (common[long] - common[short]) / long + common[short] / short
    return (1 - p) / p * (seen + unseen) + end * p**long


@given(lists.filter(bool), lists.filter(bool), persistences)
def test_rank_biased_overlap_is_that_of_the_paper(a, b, p):
    assert rank_biased_overlap(a, b, p) == pytest.approx(as_in_the_paper(a, b, p))


def test_known_values():
    """Only the first rank differs, and it weighs 1 - p; then lists that share one of two names."""
    assert rank_biased_overlap("abcde", "bacde", 0.9) == pytest.approx(0.9)
    assert rank_biased_overlap("ab", "ac", 0.5) == pytest.approx(0.5 * (1 + 0.5 * 0.5) + 0.5 * 0.25)


@given(lists, persistences)
def test_the_same_order_overlaps_fully(order, p):
    assert rank_biased_overlap(order, order, p) == pytest.approx(1.0)
    assert overlap_at(order, order, 5) == 1.0


@given(lists.filter(bool), persistences)
def test_lists_that_share_nothing_do_not_overlap(order, p):
    other = [name.upper() for name in order]
    assert rank_biased_overlap(order, other, p) == 0.0
    assert overlap_at(order, other, 5) == 0.0


@pytest.mark.parametrize("overlap", [rank_biased_overlap, lambda a, b: overlap_at(a, b, 5)])
def test_an_empty_list_is_like_an_empty_one_alone(overlap):
    assert overlap([], []) == 1.0
    assert overlap([], ["a"]) == 0.0


@given(lists, lists, persistences)
def test_it_is_symmetric_and_a_share(a, b, p):
    found = rank_biased_overlap(a, b, p)
    assert found == rank_biased_overlap(b, a, p)
    assert 0.0 <= found <= 1.0 + 1e-12
    assert overlap_at(a, b, 3) == overlap_at(b, a, 3)


@given(st.permutations("abcdefgh"), st.integers(0, 6))
def test_a_change_further_up_weighs_more(order, place):
    def exchanged(at):
        return [*order[:at], order[at + 1], order[at], *order[at + 2 :]]

    near_the_top, below = sorted((place, 6))
    assert rank_biased_overlap(order, exchanged(near_the_top)) <= rank_biased_overlap(order, exchanged(below))


def test_a_repeated_name_counts_once():
    assert rank_biased_overlap("aab", "ab") == 1.0
    assert overlap_at("aab", "ab", 2) == 1.0


def test_only_the_first_k_overlap():
    assert overlap_at("abcd", "dcba", 2) == 0.0
    assert overlap_at("abcd", "dcba", 3) == pytest.approx(2 / 3)
    assert overlap_at("abcd", "dcba", 4) == 1.0


def test_a_shorter_list_lacks_what_the_other_has():
    assert overlap_at("ab", "abcd", 4) == 0.5
