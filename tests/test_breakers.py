"""A model that fails in a running proxy: what searches are told, and what operators see."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from proxy.breakers import Breakers
from proxy.model import Reason
from proxy.policy import Policy
from proxy.scoring.traced import Traced
from proxy.telemetry import Telemetry
from tests.fakes.front import MODEL, STORE, fronted
from tests.fakes.odd_scorers import NeverReady, Refusing, Reversing

LASTING = {"min_calls": 2, "open_s": 1000, "max_open_s": 1000}


def failing(reason=Reason.REMOTE_ERROR):
    return Refusing(name="jina", reason=reason)


async def test_the_next_model_answers_and_each_attempt_is_told():
    async with fronted({"jina": failing(), "local": Reversing(name="local")}, breaker=LASTING) as front:
        await front.app.loaded()
        words = [await front.search() for _ in range(3)]

    assert words[:2] == [("reranked", None, "jina;remote_error, local")] * 2
    assert words[2] == ("reranked", None, "jina;breaker_open, local")


async def test_an_open_breaker_is_told_and_does_not_make_the_pod_unready():
    async with fronted({"jina": failing(), "local": Reversing(name="local")}, breaker=LASTING) as front:
        await front.app.loaded()
        for _ in range(2):
            await front.search()

        ready, warm = await front.admin("/ready"), await front.admin("/warm")
        status, told = await front.admin("/status")

    assert (ready[0], ready[1]["status"]) == (200, "ready")
    assert warm == (200, {"status": "warm", "models": {"jina": "open", "local": "ready"}})
    assert (status, told["status"]) == (200, "ready")
    jina, local = told["models"]["jina"], told["models"]["local"]
    assert (jina["state"], jina["reason"]) == ("open", "remote_error")
    assert 0 < jina["next_try_s"] <= 1000
    assert jina["figures"]["breaker"] == 2
    assert jina["figures"]["breaker_openings"] == 1
    assert local["state"] == "ready"
    assert local["figures"]["breaker"] == 0
    assert "reason" not in local


async def test_the_only_model_that_is_left_alone_is_a_fallback_at_once():
    async with fronted({"jina": failing()}, breaker=LASTING) as front:
        await front.app.loaded()
        words = [await front.search() for _ in range(3)]

    assert words[0] == ("fallback", "remote_error", "jina;remote_error")
    assert words[2] == ("fallback", "breaker_open", "jina;breaker_open")


async def test_a_model_that_works_again_is_asked_again():
    jina = failing()
    async with fronted({"jina": jina}, breaker={"min_calls": 1, "open_s": 0.001}) as front:
        await front.app.loaded()
        assert (await front.search())[1] == "remote_error"
        jina.score = Reversing(name="jina").score
        told = [await front.search() for _ in range(200)]

    assert told[-1] == ("reranked", None, None)
    assert set(told[:-1]) <= {told[-1], ("fallback", "breaker_open", "jina;breaker_open")}


async def test_without_a_breaker_it_is_asked_again_and_again():
    async with fronted({"jina": failing()}, breaker=False) as front:
        await front.app.loaded()
        words = {await front.search() for _ in range(20)}
        _, told = await front.admin("/status")

    assert words == {("fallback", "remote_error", "jina;remote_error")}
    assert "breaker" not in told["models"]["jina"]["figures"]


class Touchy(Reversing):
    async def score(self, job):
        if "touchy" in job.query:
            raise ZeroDivisionError
        return await super().score(job)


async def test_known_scores_are_served_while_it_is_open():
    scorers = {"jina": Touchy(name="jina", pointwise=True, identity="weights")}
    async with fronted(scorers, breaker={**LASTING, "min_calls": 1, "failure_rate": 0.1}) as front:
        await front.app.loaded()
        told = [await front.search(words) for words in ("kept", "touchy", "kept", "new")]

    assert told == [
        ("reranked", None, None),
        ("fallback", "scorer_error", "jina;scorer_error"),
        ("cached", None, None),
        ("fallback", "breaker_open", "jina;breaker_open"),
    ]


async def test_a_model_that_still_loads_is_an_attempt_too():
    async with fronted({"jina": NeverReady(name="jina"), "local": Reversing(name="local")}) as front:
        await front.app._now._loads[1]
        told = await front.search()

    assert told == ("reranked", None, "jina;warming, local")


async def test_attempts_are_counted_by_model_and_reason():
    reader = InMemoryMetricReader()
    telemetry = Telemetry(None, MeterProvider(metric_readers=[reader]).get_meter("test"))
    scorers = {"jina": failing(), "local": Reversing(name="local")}
    async with fronted(scorers, telemetry=telemetry, breaker=LASTING) as front:
        await front.app.loaded()
        for _ in range(5):
            await front.search()
        exported = await asyncio.to_thread(reader.get_metrics_data)

    points = {
        metric.name: {
            (point.attributes["reranker.model_name"], point.attributes.get("midrank.reason")): point.value
            for point in metric.data.data_points
        }
        for resource in exported.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name in ("midrank.rank.attempts", "midrank.breaker.state", "midrank.breaker.openings")
    }
    assert points == {
        "midrank.rank.attempts": {
            ("jina", "remote_error"): 2,
            ("jina", "breaker_open"): 3,
            ("local", None): 5,
        },
        "midrank.breaker.state": {("jina", None): 2, ("local", None): 0},
        "midrank.breaker.openings": {("jina", None): 1, ("local", None): 0},
    }


def rules_of(model=None, **policy):
    """Return the rules of the breaker that a policy puts around a model; None without one."""
    one = Policy.model_validate(
        {"stores": [STORE], "models": {"default": {**MODEL, **(model or {})}}, **policy}
    )
    guarded = Breakers(one, {"default": Traced(Reversing(), Telemetry())})._guarded.get("default")
    return guarded and guarded._rules


def test_a_local_model_has_a_breaker_that_does_not_mind_lateness():
    rules = rules_of()

    assert (rules.failure_rate, rules.slow_rate, rules.min_calls) == (0.5, None, 5)


def test_a_model_s_own_breaker_counts_before_the_policy_s():
    assert rules_of({"breaker": {"open_s": 7}}, breaker={"open_s": 9}).first_pause == 7
    assert rules_of(breaker={"open_s": 9}).first_pause == 9
    assert rules_of({"breaker": False}) is None
    assert rules_of({"breaker": True}, breaker=False) is not None
    assert rules_of(breaker=False) is None


def test_a_limit_of_milliseconds_makes_slow_calls_count():
    rules = rules_of(breaker={"slow_ms": 250})

    assert (rules.slow_rate, rules.slow_seconds) == (0.8, 0.25)


@pytest.mark.parametrize(
    ("breaker", "complaint"),
    [
        ({"open_s": 90}, "open_s is 90, should not be above max_open_s, 60"),
        ({"failure_rate": 0}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_a_mistake(breaker, complaint):
    with pytest.raises(ValueError, match=complaint):
        rules_of(breaker=breaker)
