"""The lift of one search: NDCG@5 of the reranker's order less that of the store's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.lift import lift
from proxy.model import Outcome, Reason
from proxy.stats.ndcg import ndcg
from tests.fakes.observations import observation

GRADES = st.dictionaries(st.sampled_from([f"d{n}" for n in range(12)]), st.floats(0, 3), max_size=12)


def test_the_relevant_document_comes_up():
    """From the second place, which is worth 1 / log2(3), to the first."""
    assert lift(observation((1, 0, 2)), {"d1": 1.0}) == pytest.approx(1 - 1 / math.log2(3))


def test_the_relevant_document_goes_down():
    assert lift(observation((1, 0, 2)), {"d0": 1.0}) == pytest.approx(1 / math.log2(3) - 1)


@pytest.mark.parametrize("shown", ["reranked", "interleaved", "shadow", "auto_off"])
def test_it_is_the_rerankers_whatever_was_shown(shown):
    seen = observation((2, 1, 0), shown=shown, shown_order=(0, 1, 2))

    assert lift(seen, {"d2": 1.0}) == pytest.approx(0.5)


def test_places_below_the_fifth_are_worth_nothing():
    order = (0, 1, 2, 3, 4, 9, 5, 6, 7, 8)

    assert lift(observation(order), {"d9": 1.0}) == 0


def test_what_was_not_ranked_says_nothing():
    """A fallback neither harms nor helps; a zero would hide what the ranked searches say."""
    for outcome, reason in ((Outcome.FALLBACK, Reason.LATE), (Outcome.PASSED, Reason.TOO_FEW)):
        assert lift(observation((1, 0), outcome=outcome, reason=reason), {"d0": 1.0}) is None


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.CACHED])
def test_what_was_ranked_in_part_or_long_ago_counts(outcome):
    assert lift(observation((1, 0), outcome=outcome), {"d1": 1.0}) is not None


@pytest.mark.parametrize("grades", [{}, {"elsewhere": 1.0}, {"d0": 0.0}])
def test_without_anything_relevant_no_order_is_better(grades):
    assert lift(observation((1, 0)), grades) is None


def test_relevant_documents_that_were_not_found_lower_it_as_in_an_evaluation():
    """The ideal knows all that is relevant: two found of two weigh more than one of two."""
    assert lift(observation((1, 0)), {"d1": 1.0, "elsewhere": 1.0}) < lift(observation((1, 0)), {"d1": 1.0})


@given(st.permutations(range(8)), GRADES)
def test_it_is_what_the_two_orders_are_worth(order, grades):
    seen = observation(tuple(order))

    found = lift(seen, grades)

    if found is not None:
        ids = [f"d{place}" for place in range(8)]
        assert found == ndcg([ids[place] for place in order], grades, 5) - ndcg(ids, grades, 5)
        assert -1 <= found <= 1
