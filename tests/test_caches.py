"""What a process keeps, and what it shares with others: whole proxies in front of one store."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import get_args

import pytest

from proxy.app import App
from proxy.cache.redis_errors import KINDS
from proxy.caches import Caches
from proxy.figures import CACHE_FIGURES, GUARDS, MODEL_FIGURES
from proxy.policy import Policy
from proxy.policy_cache import GuardName
from proxy.scoring.base import Reuse, ScoreJob, Whereabouts
from proxy.scoring.near_guards import Guard
from proxy.scoring.traced import Traced
from proxy.telemetry import Telemetry
from tests.fakes.lengths import Lengths
from tests.fakes.odd_scorers import Reversing
from tests.fakes.redis_server import redis_server
from tests.fakes.tenants import Asked, fronts

SECRET = "the same for all replicas"
SEMANTIC = {"semantic": {"threshold": 0.9, "audit": 0}}
EARLIER, LATER = (Asked(tenant=0, question=question, half=None, rows=4) for question in (0, 1))


def policy(**parts):
    return Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}],
            "models": {"one": {"kind": "late_interaction"}},
            "rules": [{"rerank": ["one"], **parts.pop("rule", {})}],
            **parts,
        }
    )


@pytest.fixture
def server(tmp_path):
    with redis_server(tmp_path) as server:
        yield server


def shared(server):
    redis = {"url": server.url, "sync_seconds": 0.05, "timeout_ms": 1000}
    return {"redis": redis}


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)


async def connected(*all_fronts):
    for front in all_fronts:
        await until(lambda front=front: front.stats["redis"]["up"])


@pytest.mark.store
async def test_replicas_share_scores_through_redis(server):
    async with fronts({}, {}, **shared(server), secret=SECRET) as (one, other):
        await connected(one, other)
        await one.ask(EARLIER)
        await until(lambda: not one.stats["redis"]["waiting_bytes"])
        await until(lambda: server.tell("DBSIZE") > 1)
        await other.ask(EARLIER)

        assert other.figures["cache_hits"] == 1
        assert other.scorer.jobs == []


@pytest.mark.store
async def test_a_query_that_one_replica_has_scored_is_near_for_the_others(server):
    async with fronts(SEMANTIC, SEMANTIC, **shared(server), secret=SECRET) as (one, other):
        await connected(one, other)
        await one.ask(EARLIER)
        await until(lambda: other.stats["near_queries"]["entries"])
        await other.ask(LATER)

        assert other.figures["cache_near_hits"] == 1
        assert other.scorer.jobs == []


@pytest.mark.store
async def test_what_one_replica_clears_is_cleared_for_all(server):
    async with fronts(SEMANTIC, SEMANTIC, **shared(server), secret=SECRET) as (one, other):
        await connected(one, other)
        await one.ask(EARLIER)
        await until(lambda: other.stats["near_queries"]["entries"])
        await other.ask(EARLIER)

        await one.clear()
        await until(lambda: not other.stats["near_queries"]["entries"])
        await other.ask(EARLIER)

        assert other.figures["cache_misses"] == 1
        assert len(other.scorer.jobs) == 1


async def test_without_memory_and_redis_nothing_is_kept():
    async with fronts({}, memory_mb=0) as (front,):
        await front.ask(EARLIER)
        await front.ask(EARLIER)

        assert len(front.scorer.jobs) == 2
        assert front.stats is None


@pytest.mark.model
async def test_queries_without_a_vector_are_embedded_by_the_built_in_model():
    rule = {"cache": {"semantic": {"embed": True, "threshold": 0.9, "audit": 0}}}
    caches = Caches(policy(rule=rule), {"one": Traced(Lengths(), Telemetry())})
    await caches.load()
    (scoring,) = {rule.scoring for rule in policy(rule=rule).rules}
    tier = caches.tiers(scoring)["one"]
    job = ScoreJob("", ("a", "bb"), math.inf, reuse=Reuse(near=Whereabouts(b"0123456789abcdef", None)))
    queries = ("how do I reset my password", "how can I reset my password", "what do owls eat")
    scores = [await tier.score(replace(job, query=query)) for query in queries]

    assert [one.near is not None for one in scores] == [False, True, False]
    await caches.close()


async def test_an_embedder_that_can_not_be_loaded_costs_only_near_queries(monkeypatch, caplog):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", "/dev/null/nowhere")
    caches = Caches(
        policy(rule={"cache": {"semantic": {"embed": True}}}), {"one": Traced(Lengths(), Telemetry())}
    )
    await caches.load()

    assert "query embedder failed to load" in caplog.text
    await caches.close()


def test_policy_metrics_and_guards_speak_of_the_same():
    assert set(GUARDS) == set(get_args(GuardName)) == {guard.value for guard in Guard}
    assert {f"errors_{kind}" for kind in KINDS} <= CACHE_FIGURES.keys()


async def test_every_figure_is_exported(tmp_path):
    with redis_server(tmp_path) as server:
        async with fronts(SEMANTIC, **shared(server), secret=SECRET) as (front,):
            stats = front.stats
            told = set().union(*(stats[name] for name in ("memory", "redis", "near_queries")))

            assert told == CACHE_FIGURES.keys()
            assert set(front.figures) <= MODEL_FIGURES.keys()
            assert {"cache_asked", "near_threshold"} <= set(front.figures)


async def test_figures_of_two_semantic_caches_are_told_as_one():
    rules = [
        {"match": {"collection": "a"}, "cache": {"semantic": {"threshold": 0.97}}},
        {"cache": {"semantic": {"threshold": 0.93}}},
    ]
    app = App(policy(rules=[{"rerank": ["one"], **rule} for rule in rules]), scorers={"one": Reversing()})
    await app.start()

    figures = app.caches.model_figures()["one"]
    assert figures["near_threshold"] == 0.93
    assert figures["near_refused_negation"] == 0
    await app.close()
