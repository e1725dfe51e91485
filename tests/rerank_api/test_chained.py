"""midrank as a client of its own API: what the one side reads as a dialect is what the other writes as it."""

from __future__ import annotations

import httpx
import pytest

from proxy.model import Reason
from proxy.policy import Policy
from tests.fakes.odd_scorers import Refusing, TermOverlap
from tests.fakes.running import running

KEY = "the-key"
QUERY = "blue whales eat krill"
DOCUMENTS = ["the road is closed", "whales eat krill", "blue paint", "blue whales eat krill daily"]


class Relevance(TermOverlap):
    """The share of the query's words that a text holds."""

    def formula(self, job):
        return super().formula(job) / 4


def policy(**more):
    return Policy.model_validate(
        {"rerank_api": {"listen": "127.0.0.1:0", "budget_ms": 5000, "api_key": KEY}, **more}
    )


def behind(address, dialect):
    """Give the policy of a midrank whose only model is the API at that address."""
    far = {"kind": "remote", "dialect": dialect, "url": address.url, "model": "m", "api_key": KEY}
    return policy(models={"default": far})


def ask(address):
    sent = {"query": QUERY, "texts": DOCUMENTS}
    return httpx.post(f"{address.url}/rerank", json=sent, headers={"authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize("dialect", ["cohere_v1", "cohere_v2", "jina", "tei", "vllm", "infinity", "localai"])
def test_a_midrank_reranks_by_another(dialect):
    with (
        running(policy(), {"default": Relevance()}, warm=True) as far,
        running(behind(far["rerank_api"], dialect), warm=True) as near,
    ):
        answer = ask(near["rerank_api"])

    assert answer.headers["x-midrank"] == "reranked"
    assert answer.json() == [
        {"index": index, "score": pytest.approx(score, abs=1e-8)}
        for index, score in ((3, 1), (1, 0.75), (2, 0.25), (0, 0))
    ]


@pytest.mark.parametrize("dialect", ["cohere_v2", "jina", "tei"])
def test_trouble_of_the_one_is_a_reason_to_the_other(dialect):
    trouble = policy(rerank_api={"listen": "127.0.0.1:0", "api_key": KEY, "on_trouble": "error"})
    with (
        running(trouble, {"default": Refusing(reason=Reason.OVERLOADED)}, warm=True) as far,
        running(behind(far["rerank_api"], dialect), warm=True) as near,
    ):
        answer = ask(near["rerank_api"])

    assert answer.headers["x-midrank"] == "fallback"
    assert answer.headers["x-midrank-reason"] == "remote_error"
