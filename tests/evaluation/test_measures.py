"""The figures are trec_eval's, and those of our own NDCG."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evaluation.judged import JudgedQuery
from proxy.evaluation.measures import measured, recalled
from proxy.stats.ndcg import ndcg

pytest.importorskip("ir_measures", reason="no ir_measures: pip install 'midrank[eval]'")

names = st.sampled_from("abcdefghijklmnop")
grades = st.dictionaries(names, st.integers(1, 3), min_size=1, max_size=8)
answers = st.lists(names, unique=True, max_size=16)


def query(relevant, name="q"):
    return JudgedQuery(name, "why?", {document: float(grade) for document, grade in relevant.items()})


@given(st.lists(st.tuples(grades, answers), min_size=1, max_size=5), st.integers(1, 12))
def test_ndcg_is_that_of_our_own_code(asked, k):
    found = measured([query(relevant) for relevant, _ in asked], [answer for _, answer in asked], k)

    for depth in (min(5, k), k):
        ours = [ndcg(answer[:k], relevant, depth if depth == k else 5) for relevant, answer in asked]
        assert found[f"NDCG@{k}" if depth == k else "NDCG@5"] == pytest.approx(ours, abs=1e-6)


@given(grades, answers)
def test_figures_do_not_depend_on_the_order_of_queries(relevant, answer):
    queries = [query(relevant, "1"), query({"a": 1}, "2"), query({"zz": 1}, "3")]
    found = measured(queries, [answer, ["a"], ["b"]], 10)
    backwards = measured(queries[::-1], [["b"], ["a"], answer], 10)

    assert {name: values[::-1] for name, values in backwards.items()} == found


def test_known_figures_come_out():
    """By hand: b at rank 2 of two relevant ones, a is missing; 1/log2(3) of 2 + 1/log2(3)."""
    found = measured([query({"a": 2, "b": 1})], [["x", "b", "y"]], 10)

    assert found["NDCG@5"] == [pytest.approx(0.6309297536 / 2.6309297536)]
    assert found["MRR@10"] == [0.5]
    assert found["MAP@10"] == [0.25]


def test_rank_decides_where_the_library_would_go_by_the_id():
    for answer in (["z", "a"], ["a", "z"]):
        assert measured([query({"z": 1})], [answer], 10)["MRR@10"] == [1 / (1 + answer.index("z"))]


def test_a_query_without_an_answer_counts_as_nothing():
    assert measured([query({"a": 1}), query({"a": 1})], [[], ["a"]], 5) == {
        "NDCG@5": [0, 1],
        "MRR@5": [0, 1],
        "MAP@5": [0, 1],
    }


def test_only_the_page_counts():
    found = measured([query({"a": 1})], [["b", "c", "d", "a"]], 3)

    assert set(found) == {"NDCG@5", "NDCG@3", "MRR@3", "MAP@3"}
    assert all(values == [0] for values in found.values())


def test_ids_of_queries_may_be_the_same_as_others_numbers():
    assert measured([query({"a": 1}, "1"), query({"b": 1}, "0")], [["a"], ["a"]], 5)["MRR@5"] == [1, 0]


def test_recall_is_the_share_of_what_is_relevant():
    queries = [query({"a": 1, "b": 3}), query({"a": 1}), query({"z": 1})]

    assert recalled(queries, [["x", "b"], [], ["y", "x", "z"]]) == [0.5, 0, 1]
    assert recalled(queries[:1], [[]]) == [0]
