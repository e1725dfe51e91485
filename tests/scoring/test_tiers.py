"""The next tier takes over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.attempts import Attempts
from proxy.scoring.base import Reach, ScoreJob
from proxy.scoring.tiers import Tiers
from tests.fakes.odd_scorers import (
    AllNaN,
    Crashing,
    Hanging,
    Infinite,
    NeverReady,
    Refusing,
    Reversing,
    ShortSighted,
    TermOverlap,
    WrongLength,
)

JOB = ScoreJob("q", ("a", "q"), deadline=float("inf"))
LONG = ScoreJob("q", ("a", "b", "c", "d"), deadline=float("inf"))


async def tiers(*scorers):
    for scorer in scorers:
        if not isinstance(scorer, NeverReady):
            await scorer.start()
    return Tiers(scorers)


async def test_the_first_tier_that_has_scores_decides():
    scores = await (await tiers(TermOverlap(), Reversing())).score(JOB)

    assert scores.scorer == "term_overlap"
    assert np.argmax(scores.values) == 1


async def test_a_tier_that_fails_passes_the_job_on():
    assert (await (await tiers(Refusing(), Reversing())).score(JOB)).scorer == "reversing"


async def test_a_tier_that_is_loading_is_skipped():
    stack = await tiers(NeverReady(), Reversing())

    assert stack.ready
    assert (await stack.score(JOB)).scorer == "reversing"


async def test_without_any_tier_the_last_reason_stands():
    with pytest.raises(Unscored) as caught:
        await (await tiers(Refusing())).score(JOB)

    assert caught.value.reason is Reason.OVERLOADED


async def test_tiers_that_all_load_are_warming():
    stack = await tiers(NeverReady())

    assert not stack.ready
    with pytest.raises(Unscored, match="warming"):
        await stack.score(JOB)


async def test_a_tier_that_would_not_get_far_enough_is_passed_over():
    near, far = ShortSighted(sees=1), Reversing()
    stack = await tiers(near, far)

    assert (await stack.score(replace(JOB, at_least=2))).scorer == "reversing"
    assert near.jobs == []


async def test_a_tier_whose_cache_breaks_is_asked_without_it(caplog):
    class Broken(TermOverlap):
        async def look_up(self, job):
            raise ZeroDivisionError

    assert (await (await tiers(Broken(), Reversing())).score(JOB)).scorer == "term_overlap"
    assert "look-up failed" in caplog.text


class Knowing(Reversing):
    async def score(self, job):
        return replace(await super().score(job), cached=True)


async def test_scores_that_are_known_need_no_model():
    assert (await (await tiers(Knowing(), Reversing())).score(JOB)).cached


async def test_but_a_model_that_failed_before_ran_all_the_same():
    assert not (await (await tiers(Crashing(), Knowing())).score(JOB)).cached


async def test_a_tier_that_gets_just_far_enough_is_taken():
    stack = await tiers(ShortSighted(sees=1), Reversing())

    assert (await stack.score(replace(JOB, at_least=1))).scorer == "short_sighted"


async def test_if_none_gets_far_enough_the_one_that_gets_farthest_is_asked():
    stack = await tiers(ShortSighted(sees=1), ShortSighted(name="farther", sees=2))

    assert (await stack.score(replace(LONG, at_least=3))).scorer == "farther"


async def test_a_tier_that_was_passed_over_is_asked_after_all_if_the_others_fail():
    stack = await tiers(ShortSighted(sees=1), Crashing())

    assert (await stack.score(replace(LONG, at_least=3))).scorer == "short_sighted"


async def test_the_only_tier_that_is_ready_is_asked_however_far_it_gets():
    stack = await tiers(ShortSighted(sees=0), NeverReady())

    assert (await stack.score(replace(LONG, at_least=3))).scorer == "short_sighted"


async def test_more_is_not_wanted_than_there_is():
    stack = await tiers(ShortSighted(sees=2), Reversing())

    assert (await stack.score(replace(JOB, at_least=100))).scorer == "short_sighted"


async def test_tiers_usually_reach_as_far_as_the_farthest():
    stack = await tiers(ShortSighted(sees=1), ShortSighted(name="last", sees=2), NeverReady())

    assert stack.usual_reach(1.0).texts == 2
    assert Tiers([NeverReady()]).usual_reach(1.0).texts == 0


async def test_tiers_name_and_describe_themselves():
    stack = await tiers(TermOverlap(), Reversing())

    assert stack.name == "term_overlap,reversing"
    assert stack.pointwise is False


@pytest.mark.parametrize("make", [Crashing, AllNaN, Infinite, WrongLength])
async def test_the_next_tier_takes_over_from_one_that_is_broken(make):
    assert (await (await tiers(make(), Reversing())).score(JOB)).scorer == "reversing"


def tried(job):
    return [(one.model, one.reason) for one in job.attempts]


async def test_each_tier_that_was_considered_is_an_attempt():
    stack = await tiers(NeverReady(), ShortSighted(sees=1), Crashing(), Reversing(), TermOverlap())
    job = replace(LONG, at_least=3, attempts=Attempts())
    await stack.score(job)

    assert tried(job) == [
        ("never_ready", Reason.WARMING),
        ("short_sighted", Reason.LATE),
        ("crashing", Reason.SCORER_ERROR),
        ("reversing", None),
    ]


async def test_one_that_was_asked_after_all_is_told_once_and_last():
    stack = await tiers(ShortSighted(sees=1), Crashing())
    job = replace(LONG, at_least=3, attempts=Attempts())
    await stack.score(job)

    assert tried(job) == [("crashing", Reason.SCORER_ERROR), ("short_sighted", None)]


async def test_why_one_was_passed_over_is_what_its_usual_reach_says():
    class Crowded(ShortSighted):
        def usual_reach(self, seconds):
            return Reach(self.sees, Reason.OVERLOADED)

    stack = await tiers(Crowded(sees=1), Reversing())
    job = replace(LONG, at_least=3, attempts=Attempts())
    await stack.score(job)

    assert tried(job) == [("short_sighted", Reason.OVERLOADED), ("reversing", None)]


async def test_whoever_stops_waiting_knows_which_tier_was_late():
    stack = await tiers(Crashing(), Hanging())
    job = replace(JOB, attempts=Attempts())
    task = asyncio.get_running_loop().create_task(stack.score(job))
    for _ in range(3):
        await asyncio.sleep(0)

    assert tried(job) == [("crashing", Reason.SCORER_ERROR), ("hanging", Reason.LATE)]
    stack._tiers[1].released.set()
    await task
