"""Judged queries become cases: with the documents beside them, or with the nearest of all."""

from __future__ import annotations

import numpy as np

from proxy.evaluation.judged import Judged, JudgedQuery
from proxy.model import Candidate
from proxy.offline.queries import Document
from proxy.tuning.cases import dense_cases, judged_case

LETTERS = "abc"


def embed(texts):
    """Return how often each letter stands in a text, in unit length."""
    counts = np.array([[text.count(letter) for letter in LETTERS] for text in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_documents_beside_a_query_are_its_candidates():
    query = JudgedQuery("q", "why?", {"7": 2.0}, None, (Document(7, "x", 0.5), Document("b", "y")))
    case = judged_case(query, 5)

    assert case.candidates == (Candidate("7", "x", 0.5), Candidate("b", "y"))
    assert (case.query, case.page, case.relevant) == ("why?", slice(0, 5), {"7": 2.0})


def test_else_the_nearest_documents_are_as_a_store_would_have_them():
    documents = {"1": "a", "2": "aab", "3": "b", "4": "c"}
    case, _ = dense_cases(
        Judged("some", documents, (JudgedQuery("p", "a", {"2": 1.0}), JudgedQuery("q", "b", {"3": 1.0}))),
        embed,
        limit=2,
        depth=3,
    )

    assert [one.id for one in case.candidates] == ["1", "2", "3"]
    assert [one.text for one in case.candidates] == ["a", "aab", "b"]
    assert np.allclose([one.score for one in case.candidates], [0, 1 - 2 / 5**0.5, 1])


def test_a_query_does_not_find_itself():
    """In argument retrieval the queries are documents, too."""
    documents = {"1": "a b", "2": "aab", "3": "b"}
    query = JudgedQuery("1", "a b", {"2": 1.0})
    (case,) = dense_cases(Judged("some", documents, (query,)), embed, limit=2, depth=2)

    assert [one.id for one in case.candidates] == ["2", "3"]


def test_ids_are_those_of_the_page():
    query = JudgedQuery(
        "q", "why?", {"a": 1.0}, None, (Document("a", "x"), Document("b", "y"), Document("c", "z"))
    )

    assert judged_case(query, 2).ids((2, 0, 1)) == ["c", "a"]
