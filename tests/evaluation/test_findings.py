"""What counts of an answer, and how arms compare."""

from __future__ import annotations

import pytest

from proxy.evaluation.asking import Reply
from proxy.evaluation.findings import Named, arms, own_documents, recall
from proxy.evaluation.judged import Judged, JudgedQuery
from proxy.evaluation.results import FAILED
from proxy.stats.latency import Latency

pytest.importorskip("ir_measures", reason="no ir_measures: pip install 'midrank[eval]'")

STORE, POLICY = Named("store"), Named("mine", "mine.yaml", ("default",), 0.15)


def judged(*queries, documents=None):
    asked = tuple(
        JudgedQuery(name, f"why {name}?", dict.fromkeys(relevant, 1.0)) for name, relevant in queries
    )
    return Judged("data", documents or {}, asked)


def reply(ids, total=0.002, outcome="", **more):
    return Reply(tuple(ids), total, more.pop("store", total), more.pop("added", 0.0), outcome, **more)


def test_an_arm_is_compared_with_the_store_alone_query_by_query():
    data = judged(("1", "a"), ("2", "b"), ("3", "c"))
    store = [reply("xa"), reply("b"), reply("c")]
    policy = [reply("ax"), reply("b"), reply("xc")]

    alone, mine = arms(data, [STORE, POLICY], [store, policy], 10)

    assert alone.compared == {}
    assert (mine.lift.wins, mine.lift.ties, mine.lift.losses) == (1, 1, 1)
    assert mine.lift.mean == pytest.approx(0)
    assert mine.measures["MRR@10"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert (mine.policy, mine.models, mine.budget) == ("mine.yaml", ("default",), 0.15)
    assert [one.ndcg5 for one in mine.asked] == [1, 1, pytest.approx(0.6309297)]


def test_a_document_counts_once_where_its_parts_are_rows():
    data = judged(("1", "b"))

    (alone,) = arms(data, [STORE], [[reply("aaab")]], 2)

    assert alone.asked[0].ids == ("a", "b")
    assert alone.measures["MRR@2"] == 0.5


def test_a_query_does_not_find_itself():
    data = judged(("q", "a"), documents={"q": "As was said: why q? And so on.", "a": "Because."})

    (alone,) = arms(data, [STORE], [[reply(["q", "a"])]], 1)

    assert own_documents(data) == {"q"}
    assert alone.asked[0].ids == ("a",)
    assert recall(data, [reply(["q", "a"])], 1) == 1


@pytest.mark.parametrize("text", ["Another text under the same number.", ""])
def test_an_id_alone_says_nothing(text):
    assert own_documents(judged(("q", "a"), documents={"q": text})) == frozenset()


def test_a_query_that_is_judged_relevant_to_itself_may_find_itself():
    assert own_documents(judged(("q", "qa"), documents={"q": "why q?"})) == frozenset()


def test_recall_is_that_of_the_window():
    data = judged(("1", "ab"), ("2", "c"))

    assert recall(data, [reply("xaybz"), reply("c")], 3) == pytest.approx((0.5 + 1) / 2)


def test_a_request_that_failed_counts_against_the_policy_and_not_as_an_answer_time():
    data = judged(("1", "a"), ("2", "b"))
    failed = Reply((), 60.0, 0.0, 0.0, FAILED, "timeout")
    fine = reply("b", outcome="reranked", store=0.001, added=0.001, scored=10, candidates=20)

    _, mine = arms(data, [STORE, POLICY], [[reply("a"), reply("b")], [failed, fine]], 10)

    assert mine.measures["NDCG@5"] == 0.5
    assert mine.rates == (0.5, 0, 0, 0)
    assert mine.total == Latency(0.002, 0.002, 0.002)
    assert mine.scored == 0.25


def test_one_query_is_enough():
    _, mine = arms(judged(("1", "a")), [STORE, POLICY], [[reply("xa")], [reply("ax")]], 10)

    assert mine.lift.low == mine.lift.mean == mine.lift.high > 0
    assert mine.lift.p == 1
