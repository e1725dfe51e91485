"""What a model has said is not asked again, and what it is asked is asked once."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import numpy as np
import pytest

from proxy.cache.memory import MemoryCache
from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reuse, ScoreJob, Scores
from proxy.scoring.score_cache import ScoreCache
from tests.fakes.lengths import Lengths

JOB = ScoreJob("why?", ("a", "bb", "ccc", "dddd"), deadline=float("inf"))


def cached(scorer, *, memory=None):
    return ScoreCache(scorer, memory or MemoryCache(2**20), ttl=60)


def within(seconds):
    return asyncio.get_running_loop().time() + seconds


async def test_a_second_search_needs_no_model():
    scorer = Lengths()
    cache = cached(scorer)

    first, second = await cache.score(JOB), await cache.score(JOB)

    assert not first.cached
    assert second.cached
    assert (first.known, second.known) == (0, 4)
    assert first.values.tolist() == second.values.tolist() == [1, 2, 3, 4]
    assert second.values.dtype == np.float32
    assert len(scorer.jobs) == 1


async def test_only_what_is_missing_goes_on_to_the_model():
    scorer = Lengths()
    cache = cached(scorer)
    await cache.score(replace(JOB, texts=("bb", "dddd")))

    scores = await cache.score(replace(JOB, at_least=4))

    assert scorer.jobs[1].texts == ("a", "ccc")
    assert scorer.jobs[1].at_least == 2
    assert scores.values.tolist() == [1, 2, 3, 4]
    assert not scores.cached
    assert scores.known == 2


async def test_a_text_that_stands_twice_is_scored_once():
    scorer = Lengths()

    scores = await cached(scorer).score(replace(JOB, texts=("a", "bb", "a")))

    assert scorer.jobs[0].texts == ("a", "bb")
    assert scores.values.tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, query="how?"),
        replace(JOB, texts=("A", "BB", "CCC", "DDDD")),
        replace(JOB, reuse=Reuse(scope=b"mine")),
    ],
)
async def test_another_query_text_or_scope_is_another_matter(other):
    scorer = Lengths()
    cache = cached(scorer)
    await cache.score(JOB)

    assert not (await cache.score(other)).cached


async def test_another_revision_of_the_model_knows_nothing():
    memory = MemoryCache(2**20)
    await cached(Lengths(), memory=memory).score(JOB)

    assert not (await cached(Lengths(identity="lengths-2"), memory=memory).score(JOB)).cached


@pytest.mark.parametrize(
    ("scorer", "job"), [(Lengths(identity=""), JOB), (Lengths(), replace(JOB, reuse=Reuse(exact=False)))]
)
async def test_what_is_not_to_be_kept_is_not_looked_up_either(scorer, job):
    cache = cached(scorer)
    await cache.score(job)

    assert not (await cache.score(job)).cached
    assert scorer.jobs == [job, job]


async def test_what_was_not_reached_is_not_known():
    scorer = Lengths(reads=2)
    cache = cached(scorer)

    first = await cache.score(JOB)
    second = await cache.score(JOB)

    assert np.isnan(first.values).tolist() == [False, False, True, True]
    assert first.missing is Reason.OVERLOADED
    assert scorer.jobs[1].texts == ("ccc", "dddd")
    assert second.values.tolist() == [1, 2, 3, 4]


async def test_scores_of_abridged_texts_are_used_but_not_kept():
    scorer = Lengths(abridged=True)
    cache = cached(scorer)

    assert (await cache.score(JOB)).abridged
    assert not (await cache.score(JOB)).known


async def test_what_is_known_counts_as_reached():
    scorer = Lengths(reads=1)
    cache = cached(scorer)
    await cache.score(JOB)

    job = await cache.look_up(JOB)

    assert cache.reach(job) == 2
    assert cache.reach(await cache.look_up(replace(JOB, texts=("a",)))) == 1


async def test_a_model_that_fails_leaves_what_is_known():
    scorer = Lengths(reads=2, tells=False)
    cache = cached(scorer)
    await cache.score(JOB)
    scorer.failure = Reason.MODEL_HUNG

    scores = await cache.score(JOB)

    assert np.isnan(scores.values).tolist() == [False, False, True, True]
    assert scores.missing is Reason.MODEL_HUNG


async def test_too_little_is_known_to_do_without_a_model_that_fails():
    scorer = Lengths(reads=2, tells=False)
    cache = cached(scorer)
    await cache.score(JOB)
    scorer.failure = Reason.MODEL_HUNG

    with pytest.raises(Unscored, match="model_hung"):
        await cache.score(replace(JOB, at_least=3))


async def test_a_listwise_scorer_is_known_by_its_whole_list():
    scorer = Lengths(pointwise=False)
    cache = cached(scorer)
    await cache.score(JOB)

    part = await cache.score(replace(JOB, texts=JOB.texts[:2]))
    other_order = await cache.score(replace(JOB, texts=JOB.texts[::-1]))

    assert not part.known
    assert other_order.cached
    assert other_order.values.tolist() == [4, 3, 2, 1]


async def test_a_list_that_was_read_in_part_is_not_kept():
    scorer = Lengths(pointwise=False, reads=2)
    cache = cached(scorer)
    await cache.score(JOB)

    assert not (await cache.score(JOB)).known


@pytest.mark.parametrize("junk", [b"", b"abc", b"12345", np.float32("inf").tobytes()])
async def test_what_is_no_score_is_unknown(junk):
    class Odd(MemoryCache):
        async def get_many(self, keys):
            return [junk for _ in keys]

    assert (await cached(Lengths(), memory=Odd(2**20)).score(JOB)).values.tolist() == [1, 2, 3, 4]


# --- together ----------------------------------------------------------------------------------


async def test_five_hundred_searches_for_the_same_cost_one_run():
    scorer = Lengths()
    cache = cached(scorer)

    found = await asyncio.gather(*(cache.score(JOB) for _ in range(500)))

    assert len(scorer.jobs) == 1
    assert {tuple(scores.values) for scores in found} == {(1, 2, 3, 4)}
    assert not any(scores.cached for scores in found)  # a model ran, if for another


async def test_searches_that_overlap_have_what_they_share_computed_once():
    scorer = Lengths()
    scorer.open.clear()
    cache = cached(scorer)
    first = asyncio.create_task(cache.score(replace(JOB, texts=("a", "bb"))))
    second = asyncio.create_task(cache.score(replace(JOB, texts=("bb", "ccc"))))
    await asyncio.sleep(0.01)
    scorer.open.set()

    assert (await first).values.tolist() == [1, 2]
    assert (await second).values.tolist() == [2, 3]
    assert [job.texts for job in scorer.jobs] == [("a", "bb"), ("ccc",)]


async def test_who_leaves_first_does_not_take_the_others_scores_along():
    scorer = Lengths()
    scorer.open.clear()
    cache = cached(scorer)
    leader, follower = (asyncio.create_task(cache.score(JOB)) for _ in range(2))
    await asyncio.sleep(0.01)
    leader.cancel()
    await asyncio.sleep(0.01)
    scorer.open.set()

    assert (await follower).values.tolist() == [1, 2, 3, 4]
    assert len(scorer.jobs) == 1


async def test_when_all_have_left_the_model_is_told():
    scorer = Lengths()
    scorer.open.clear()
    cache = cached(scorer)
    tasks = [asyncio.create_task(cache.score(JOB)) for _ in range(3)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)

    assert scorer.cancelled == 1
    # What had been found until then is known, and the rest can be asked for again.
    scorer.open.set()
    assert (await cache.score(JOB)).known == 1


async def test_who_must_leave_early_takes_along_what_there_is():
    scorer = Lengths()
    scorer.open.clear()
    cache = cached(scorer)
    patient = asyncio.create_task(cache.score(replace(JOB, deadline=within(0.06))))
    await asyncio.sleep(0.01)

    hasty = await cache.score(replace(JOB, deadline=within(0.045)))

    assert np.isnan(hasty.values).tolist() == [False, True, True, True]
    assert len(scorer.jobs) == 1
    scorer.open.set()
    await patient


async def test_urgent_searches_do_not_wait_for_patient_ones():
    scorer = Lengths()
    scorer.open.clear()
    cache = cached(scorer)
    patient = asyncio.create_task(cache.score(replace(JOB, deadline=within(10))))
    await asyncio.sleep(0)
    urgent = asyncio.create_task(cache.score(replace(JOB, deadline=within(0.5))))
    await asyncio.sleep(0.01)
    scorer.open.set()
    await asyncio.gather(patient, urgent)

    assert len(scorer.jobs) == 2


async def test_a_failure_is_shared_too():
    scorer = Lengths(failure=Reason.OVERLOADED)
    scorer.open.clear()
    cache = cached(scorer)
    job = replace(JOB, deadline=within(1))
    tasks = [asyncio.create_task(cache.score(job)) for _ in range(20)]
    await asyncio.sleep(0.01)
    scorer.failure = Reason.OVERLOADED
    scorer.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert len(scorer.jobs) == 1
    # One score had been told before the model gave up.
    assert all(isinstance(one, Scores) and one.missing is Reason.OVERLOADED for one in results)


async def test_who_has_more_time_tries_again_where_a_hasty_search_failed():
    scorer = Lengths(failure=Reason.LATE)
    scorer.open.clear()
    cache = cached(scorer)
    hasty = asyncio.create_task(cache.score(replace(JOB, texts=("bb",), deadline=within(0.02))))
    await asyncio.sleep(0)
    patient = asyncio.create_task(cache.score(replace(JOB, texts=("bb", "ccc"), deadline=within(5))))
    await asyncio.sleep(0.03)
    scorer.failure = None
    scorer.open.set()
    await hasty

    assert (await patient).values.tolist() == [2, 3]


async def test_what_another_search_failed_on_is_tried_again_without_it():
    """One text that breaks the model must not cost others, who have only good ones, their scores."""
    scorer = Lengths(failure=Reason.SCORER_ERROR, tells=False)
    scorer.open.clear()
    cache = cached(scorer)
    job = replace(JOB, deadline=within(5))
    poisoned = asyncio.create_task(cache.score(replace(job, texts=("bad", *JOB.texts))))
    await asyncio.sleep(0)
    good = asyncio.create_task(cache.score(job))
    await asyncio.sleep(0.01)
    scorer.open.set()
    with pytest.raises(Unscored):
        await poisoned
    scorer.failure = None

    assert (await good).values.tolist() == [1, 2, 3, 4]


async def test_who_waits_for_a_list_does_not_have_the_rest_of_it_ordered_as_another():
    scorer = Lengths(pointwise=False, reads=2)
    scorer.open.clear()
    cache = cached(scorer)
    both = [asyncio.create_task(cache.score(replace(JOB, deadline=within(5)))) for _ in range(2)]
    await asyncio.sleep(0.01)
    scorer.open.set()

    for scores in await asyncio.gather(*both):
        assert np.isnan(scores.values).tolist() == [False, False, True, True]
    assert len(scorer.jobs) == 1


async def test_for_want_of_time_a_few_known_scores_are_better_than_none():
    scorer = Lengths(reads=2, tells=False)
    cache = cached(scorer)
    await cache.score(JOB)
    scorer.failure = Reason.LATE

    scores = await cache.score(replace(JOB, at_least=4))

    assert np.isnan(scores.values).tolist() == [False, False, True, True]
    assert scores.missing is Reason.LATE


async def test_a_cache_that_is_slow_costs_a_search_a_tenth_of_its_time():
    class Slow(MemoryCache):
        async def get_many(self, keys):
            await asyncio.sleep(10)

    begun = within(0)
    await cached(Lengths(), memory=Slow(2**20)).score(replace(JOB, deadline=begun + 1))

    assert within(0) - begun < 0.5


async def test_only_what_is_read_of_a_text_decides():
    class Starts(Lengths):
        def readable(self, text):
            return text[:2]

    cache = cached(Starts())
    await cache.score(replace(JOB, texts=("abc", "b")))

    assert (await cache.score(replace(JOB, texts=("abd", "b")))).cached


async def test_an_audit_is_not_counted_among_the_searches():
    cache = cached(Lengths())
    await cache.score(replace(JOB, audit=True))

    assert cache.figures()["cache_misses"] == cache.figures()["cache_asked"] == 0


async def test_the_figures_tell_hits_by_kind():
    cache = cached(Lengths())
    await cache.score(JOB)
    await cache.score(JOB)
    await cache.score(replace(JOB, texts=("a", "zzzzz")))

    assert cache.figures() == {
        "load": 1.0,
        "cache_misses": 1,
        "cache_hits": 1,
        "cache_partial_hits": 1,
        "cache_near_hits": 0,
        "cache_asked": 10,
        "cache_known": 5,
        "cache_shared": 0,
    }
    assert math.isinf(JOB.deadline)
