"""Scorers on an event loop in a thread of their own."""

from __future__ import annotations

import threading

import pytest

from proxy.errors import BadConfig, Mistake
from proxy.model import Outcome, Reason
from proxy.offline.choice import chosen_rule, scorers_of, without_stores
from proxy.offline.queries import Document, Query
from proxy.offline.workplace import OutOfReach, Terms, Workplace
from proxy.policy import Policy
from proxy.scoring.llm.spending import Purse
from tests.fakes.odd_scorers import Crashing, Reversing

QUERY = Query("q", "why?", (Document("a", "x"), Document("b", "y", 0.5), Document("c", "z")))


def workplace(scorer, patience=0.0):
    store = {"kind": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:1"}
    policy = Policy.model_validate({"stores": [store], "admin": "127.0.0.1:1"})
    rule = chosen_rule(policy, None, ())
    return Workplace(
        without_stores(policy, rule),
        rule,
        {"default": scorer},
        terms=Terms(budget=30.0, concurrency=2, patience=patience),
        purse=Purse(),
    )


def test_queries_are_ranked_beside_the_caller():
    """Nothing listens: the policy's addresses could not be had."""
    with workplace(Reversing()) as at_work:
        ranked = [future.result(30) for future in [at_work.rank(QUERY) for _ in range(5)]]

    assert {one.order for one in ranked} == {(2, 1, 0)}
    assert not [thread for thread in threading.enumerate() if thread.name == "scorers"]


def test_what_was_begun_is_given_up_at_the_end():
    with workplace(Reversing()) as at_work:
        at_work.rank(QUERY)


def test_a_query_alone_may_fail():
    with workplace(Crashing()) as at_work:
        ranked = at_work.rank(QUERY).result(30)

    assert (ranked.verdict.outcome, ranked.verdict.reason) == (Outcome.FALLBACK, Reason.SCORER_ERROR)


def test_ten_in_a_row_are_too_many():
    with workplace(Crashing()) as at_work:
        futures = [at_work.rank(QUERY) for _ in range(12)]
        failed = [future.exception(30) for future in futures]

    assert isinstance(failed[-1], OutOfReach)
    assert failed[0] is None


def test_what_can_not_even_be_built_is_told():
    alone = Workplace(None, None, {}, terms=Terms(1.0, 1, 0.0), purse=Purse())
    with pytest.raises(AttributeError), alone:
        pytest.fail("not to be reached")


class Unfit(Reversing):
    """Can't be loaded."""

    async def start(self):
        raise BadConfig((Mistake("f", "k", "v", "else"),))


def test_a_model_that_can_not_be_loaded_stops_the_run_at_once():
    with workplace(Unfit(), patience=300.0) as at_work, pytest.raises(OutOfReach) as out:
        at_work.rank(QUERY).result(30)

    assert out.value.reason is Reason.MODEL_FAILED


def test_the_cost_of_other_apis_is_not_known():
    remote = {"kind": "remote", "dialect": "cohere_v2", "model": "m"}
    policy = Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:1"}],
            "models": {"hosted": remote, "own": {"kind": "late_interaction"}},
            "rules": [{"rerank": ["hosted", "own"]}],
        }
    )
    alone = without_stores(policy, policy.rules[0])

    assert set(scorers_of(alone, Purse(), bounded=False)) == {"hosted", "own"}
    with pytest.raises(BadConfig, match=r"^\(policy\): models\.hosted: no prices - prices of an llm"):
        scorers_of(alone, Purse(), bounded=True)
