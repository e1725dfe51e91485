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
    with running(near(scope)) as (replicas, run):
        given(ROUNDS)(lambda rounds: run(hammer_anew(replicas, rounds, whose)))()

        assert replicas[0].figures["cache_near_hits"]


def test_nor_do_they_when_two_replicas_share_a_redis(tmp_path):
    with redis_server(tmp_path) as server:
        redis = {"url": server.url, "sync_seconds": 0.05, "timeout_ms": 1000}
        settings = {"memory_mb": 0, "redis": redis}
        with running(near(OWN_SCOPE), near(OWN_SCOPE), secret="shared by both replicas", **settings) as (
            replicas,
            run,
        ):
            run(found(replicas))
            run(ask_after_the_other_tenant(replicas))
            known = {tenant: {asked[1]} for tenant, asked in PHRASINGS.items()}
            given(ROUNDS)(lambda rounds: run(hammer(replicas, rounds, lambda asked: asked.tenant, known)))()

            for replica in replicas:
                assert replica.figures["cache_near_hits"]
                assert replica.storage["redis"]["hits"]


def test_what_is_shared_by_policy_would_be_seen_to_leave():
    """These checks do see a score that was made for another tenant's question."""
    with running(near(())) as (replicas, run), pytest.raises(AssertionError, match="never asked here"):
        run(ask_after_the_other_tenant(replicas))


OWN_SCOPE = ("tenant", "credentials")


def near(scope):
    """Reuse whatever is known: tenants have few documents in common, and a leak must not hide behind that."""
    return {"semantic": {"scope": scope, "audit": 0.0, "min_coverage": 0.0}}


async def ask_after_the_other_tenant(replicas):
    """Ask a question that is near to one that only the other tenant has ever asked."""
    theirs, ours = (Asked(tenant, question=PHRASINGS[tenant][1], half=None, rows=6) for tenant in (0, 1))
    await replicas[0].ask(theirs)
    for replica in replicas:
        async with asyncio.timeout(10):
            while not replica.storage["near_queries"]["entries"]:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        check(ours, rows(await replica.ask(ours)), {ours.question})


async def hammer_anew(replicas, rounds, whose):
    """Hammer caches that know nothing yet: in ones that know all questions, each finds itself."""
    for replica in replicas:
        await replica.clear()
    await hammer(replicas, rounds, whose, {})


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


async def found(replicas):
    """Wait until replicas have found their Redis, which nobody tells."""
    for replica in replicas:
        while not replica.storage["redis"]["up"]:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
