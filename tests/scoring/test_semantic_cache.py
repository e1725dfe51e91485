"""A query in other words is scored as the earlier one; whatever is doubtful is scored as asked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

import numpy as np
import pytest

from proxy.cache.memory import MemoryCache
from proxy.model import Reason
from proxy.scoring.base import Reuse, ScoreJob, Scores, Whereabouts
from proxy.scoring.near_queries import NearQueries
from proxy.scoring.score_cache import ScoreCache
from proxy.scoring.semantic_cache import NearRules, SemanticCache
from tests.fakes.lengths import Lengths

TEXTS = ("a", "bb", "ccc", "dddd", "eeeee")
SCOPE = b"0123456789abcdef"
EARLIER, LATER = "how do I reset my password", "how can I reset my password"


def vector(*angles):
    """A unit vector, so many radians away from the first axis."""
    found = np.zeros(4, np.float32)
    found[0], found[1] = np.cos(sum(angles)), np.sin(sum(angles))
    return found


def asked(query, angle=0.0, *, texts=TEXTS, scope=SCOPE, at=None, **options):
    near = Whereabouts(scope, None if angle is None else vector(angle))
    deadline = float("inf") if at is None else at
    return ScoreJob(query, texts, deadline, reuse=Reuse(near=near), **options)


def semantic(scorer=None, *, embedder=None, **rules):
    inner = ScoreCache(scorer or Lengths(), MemoryCache(2**20), ttl=60)
    return SemanticCache(inner, NearQueries(100), NearRules(**{"audit": 0.0, **rules}), embedder=embedder)


async def test_a_query_in_other_words_needs_no_model():
    scorer = Lengths()
    cache = semantic(scorer)
    await cache.score(asked(EARLIER))

    scores = await cache.score(asked(LATER, 0.1))

    assert scores.cached
    assert scores.values.tolist() == [1, 2, 3, 4, 5]
    assert scores.known == 5
    assert scores.near == pytest.approx(np.cos(0.1), abs=1e-3)
    assert len(scorer.jobs) == 1


async def test_the_same_query_is_an_exact_hit():
    cache = semantic()
    await cache.score(asked(EARLIER))

    scores = await cache.score(asked(EARLIER))

    assert scores.cached
    assert scores.near is None


@pytest.mark.parametrize(
    "other",
    [
        asked(LATER, 0.5),
        asked(LATER, scope=b"another scope...."),
        asked(LATER, None),
        asked("how do I not reset my password"),
        replace(asked(LATER), reuse=Reuse()),
        replace(asked(LATER), reuse=Reuse(exact=False, near=Whereabouts(SCOPE, vector(0.0)))),
    ],
    ids=["far away", "another scope", "without a vector", "guarded", "not wanted", "nothing wanted"],
)
async def test_whatever_is_in_doubt_is_scored_as_asked(other):
    scorer = Lengths()
    cache = semantic(scorer)
    await cache.score(asked(EARLIER))

    scores = await cache.score(other)

    assert scores.near is None
    assert not scores.cached
    assert scorer.jobs[-1].query == other.query


async def test_what_is_not_known_of_the_earlier_query_is_scored_as_that():
    scorer = Lengths()
    cache = semantic(scorer)
    await cache.score(asked(EARLIER, texts=TEXTS[:4]))

    scores = await cache.score(asked(LATER))

    assert scores.values.tolist() == [1, 2, 3, 4, 5]
    assert scores.near is not None
    assert scores.known == 4
    assert not scores.cached
    assert (scorer.jobs[-1].query, scorer.jobs[-1].texts) == (EARLIER, TEXTS[4:])


@pytest.mark.parametrize(
    ("known", "reads", "query"),
    [
        (3, 1000, LATER),  # too little is known, and there is time to score it as asked
        (4, 1000, EARLIER),
        (3, 2, EARLIER),  # there is only time to complete the other
        (3, 1, LATER),  # there is time for neither
        (4, 0, EARLIER),
    ],
)
async def test_enough_must_be_known_or_nothing_else_be_complete(known, reads, query):
    scorer = Lengths()
    cache = semantic(scorer, min_coverage=0.8)
    await cache.score(asked(EARLIER, texts=TEXTS[:known]))
    scorer.reads = reads

    job = await cache.look_up(asked(LATER))

    assert job.query == query


async def test_a_query_that_is_known_better_by_itself_is_scored_as_asked():
    cache = semantic()
    await cache.score(asked(EARLIER, texts=TEXTS[:4]))
    await cache.score(replace(asked(LATER, texts=TEXTS[:4]), reuse=Reuse()))

    assert (await cache.look_up(asked(LATER))).query == LATER


async def test_a_search_that_was_not_scored_to_its_end_is_not_remembered():
    scorer = Lengths(reads=4)
    cache = semantic(scorer)
    await cache.score(asked(EARLIER))
    scorer.reads = 1000

    assert (await cache.score(asked(LATER))).near is None


async def test_an_exact_hit_is_remembered_where_it_was_asked():
    cache = semantic()
    await cache.score(asked(EARLIER))
    elsewhere = b"another scope...."
    assert (await cache.score(asked(EARLIER, scope=elsewhere))).cached

    assert (await cache.score(asked(LATER, scope=elsewhere))).near is not None


async def test_a_query_that_cannot_be_compared_is_scored_as_asked(caplog):
    class Broken(NearQueries):
        def nearest(self, *_):
            raise ZeroDivisionError

    inner = ScoreCache(Lengths(), MemoryCache(2**20), ttl=60)
    cache = SemanticCache(inner, Broken(100), NearRules(audit=0.0))

    assert (await cache.score(asked(LATER))).values.tolist() == [1, 2, 3, 4, 5]
    assert "near queries can't be looked up" in caplog.text


async def test_models_do_not_meet():
    memory, queries = MemoryCache(2**20), NearQueries(100)
    one, other = (
        SemanticCache(ScoreCache(Lengths(identity=name), memory, ttl=60), queries, NearRules(audit=0.0))
        for name in ("one", "other")
    )
    await one.score(asked(EARLIER))

    assert (await other.score(asked(LATER))).near is None


async def test_figures_tell_what_was_refused():
    scorer = Lengths(tells=False)
    cache = semantic(scorer)
    await cache.score(asked(EARLIER, texts=TEXTS[:1]))
    await cache.score(asked("how do I not reset my password"))
    scorer.reads = 0
    await cache.look_up(asked(LATER))

    figures = cache.figures()
    assert figures["near_refused_negation"] == 2
    assert figures["near_uncovered"] >= 1
    assert figures["near_threshold"] == 0.95


# --- vectors of our own ------------------------------------------------------------------------


@dataclass
class Embedder:
    found: object

    async def embed(self, text, deadline):
        return self.found


async def test_a_query_without_a_vector_is_embedded_where_that_is_wanted():
    cache = semantic(embedder=Embedder(vector(0.0)))
    await cache.score(asked(EARLIER, None))

    assert (await cache.score(asked(LATER, None))).near == pytest.approx(1.0, abs=1e-3)


async def test_one_that_could_not_be_embedded_in_time_is_scored_as_asked():
    cache = semantic(embedder=Embedder(None))
    await cache.score(asked(EARLIER))

    assert (await cache.score(asked(LATER, None))).near is None


# --- audits ------------------------------------------------------------------------------------


class Moody(Lengths):
    """Has scores of its own for every query."""

    async def score(self, job):
        scores = await super().score(job)
        order = 1 if "do" in job.query else -1
        return Scores(scores.values * order, scores.scorer)


async def settled(cache):
    await asyncio.gather(*cache._audits._running)


async def test_an_audit_that_agrees_changes_nothing():
    cache = semantic(audit=1.0)
    await cache.score(asked(EARLIER))
    await cache.score(asked(LATER))
    await settled(cache)

    figures = cache.figures()
    assert (figures["near_audited"], figures["near_false"]) == (1, 0)


async def test_what_an_audit_finds_is_known_from_then_on():
    cache = semantic(audit=1.0)
    await cache.score(asked(EARLIER))
    await cache.score(asked(LATER))
    await settled(cache)

    scores = await cache.score(asked(LATER))
    assert scores.cached
    assert scores.near is None


async def test_false_hits_raise_the_threshold_and_that_is_told(caplog):
    cache = semantic(Moody(tells=False), audit=1.0)
    with caplog.at_level(logging.WARNING):
        for number in range(12):
            texts = tuple(f"{text} {number}" for text in TEXTS)
            await cache.score(asked(EARLIER, texts=texts))
            await cache.score(asked(LATER, 0.05, texts=texts))
            await settled(cache)

    figures = cache.figures()
    assert figures["near_false"] == figures["near_audited"] > 3
    assert figures["near_threshold"] > 0.95
    assert [record.message for record in caplog.records] == [
        "too many false hits: near queries must be nearer"
    ] * len(caplog.records)
    assert caplog.records


async def test_one_audit_runs_at_a_time():
    scorer = Lengths()
    cache = semantic(scorer, audit=1.0)
    await cache.score(asked(EARLIER))
    scorer.open.clear()
    await cache.score(asked(LATER))
    await cache.score(asked("how could I reset my password"))
    assert len(cache._audits) == 1

    await cache.close()


async def test_an_audit_that_comes_to_nothing_counts_for_nothing():
    scorer = Lengths()
    cache = semantic(scorer, audit=1.0)
    await cache.score(asked(EARLIER))
    scorer.failure = Reason.OVERLOADED
    scorer.tells = False
    await cache.score(asked(LATER))
    await settled(cache)

    assert cache.figures()["near_audited"] == 0
