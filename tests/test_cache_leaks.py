"""Two tenants at one cache: no id, no text and no score of one ever turns up in an answer to the other."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.redis_server import redis_server
from tests.fakes.tenants import PHRASINGS, TOPICS, Asked, documents, fronts, rows, text_of


@st.composite
def searches(draw):
    tenant = draw(st.sampled_from((0, 1)))
    question = draw(st.integers(0, len(TOPICS) - 1)) * 3 + draw(st.sampled_from(PHRASINGS[tenant]))
    return Asked(tenant, question, draw(st.sampled_from((None, 0, 1))), draw(st.integers(1, 6)))


ROUNDS = st.lists(st.lists(searches(), min_size=1, max_size=12), min_size=1, max_size=4)


def check(asked, found, may_know):
    """Hold an answer against what its tenant has, and against the questions whose scores it may get."""
    own = documents(asked.tenant)
    for row in found:
        assert row.id in own, "an id of the other tenant"
        assert row.text == text_of(own[row.id]), "a text of another document"
        assert row.document == own[row.id], "a score of another document"
        assert row.question in may_know, "a score of a question that was never asked here"
        assert asked.half in (None, own[row.id] % 2), "a row that the filter leaves out"
    assert len({row.question for row in found}) == 1, "scores of several questions in one ranking"
    scores = [row.score for row in found]
    assert scores == sorted(scores, reverse=True)


@contextmanager
def running(*caches, **settings):
    """Run replicas, and give them with what runs coroutines beside them: one loop for all examples.

    So the caches know what all examples before have left there, and a failure may need more than its own.
    """
    with asyncio.Runner() as runner:
        context = fronts(*caches, **settings)
        replicas = runner.run(context.__aenter__())
        try:
            yield replicas, runner.run
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize("exact", ["shared", "scoped"])
def test_with_known_scores_every_answer_is_as_without_caches(exact):
    with running({"exact": exact}, {"exact": "off"}) as ((front, plain), run):
        right = {}
        given(ROUNDS)(lambda rounds: run(compare(front, plain, rounds, right)))()

        assert front.figures["cache_hits"]
        assert front.figures["cache_partial_hits"]


async def compare(front, plain, rounds, right):
    """Ask a midrank with caches and one without; `right` keeps what that has answered."""
    for together in rounds:
        right.update({asked: await plain.ask(asked) for asked in together if asked not in right})
        answers = await asyncio.gather(*map(front.ask, together))
        assert answers == [right[asked] for asked in together]
        for asked, answer in zip(together, answers, strict=True):
            check(asked, rows(answer), {asked.question})


@pytest.mark.parametrize(
    ("scope", "whose"),
    [
        (("tenant", "credentials"), lambda asked: asked.tenant),
        (("credentials", "filter"), lambda asked: (asked.tenant, asked.half)),
    ],
)
def test_a_near_query_s_scores_never_leave_its_scope(scope, whose):
    with running({"semantic": {"scope": scope, "audit": 0.0}}) as (replicas, run):
        known = {}
        given(ROUNDS)(lambda rounds: run(hammer(replicas, rounds, whose, known)))()

        assert replicas[0].figures["cache_near_hits"]


def test_nor_do_they_when_two_replicas_share_a_redis(tmp_path):
    rule = {"semantic": {"audit": 0.0}}
    with redis_server(tmp_path) as server:
        redis = {"url": server.url, "sync_seconds": 0.05, "timeout_ms": 1000}
        with running(rule, rule, memory_mb=0, redis=redis, secret="shared by both replicas") as (
            replicas,
            run,
        ):
            for replica in replicas:
                run(found(replica))
            known = {}
            given(ROUNDS)(lambda rounds: run(hammer(replicas, rounds, lambda asked: asked.tenant, known)))()

            for replica in replicas:
                assert replica.figures["cache_near_hits"]
                assert replica.storage["redis"]["hits"]


async def hammer(replicas, rounds, whose, known):
    """Ask, the replicas in turn; `known` gathers the questions that have been asked in each scope."""
    for together in rounds:
        for asked in together:
            known.setdefault(whose(asked), set()).add(asked.question)
        answers = await asyncio.gather(
            *(replica.ask(asked) for replica, asked in zip(cycle(replicas), together, strict=False))
        )
        for asked, answer in zip(together, answers, strict=True):
            check(asked, rows(answer), known[whose(asked)])


async def found(replica):
    """Wait until a replica has found its Redis, which nobody tells."""
    while not replica.storage["redis"]["up"]:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0.01)
