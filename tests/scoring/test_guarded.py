"""Nobody waits for a model that fails, and a copy of a job finds out when it works again."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, ScoreJob, Scores
from proxy.scoring.breaker import BreakerRules, State
from proxy.scoring.guarded import Guarded
from proxy.scoring.tiers import Tiers
from tests.fakes.odd_scorers import (
    AllNaN,
    FormulaScorer,
    Halfway,
    Infinite,
    Refusing,
    Reversing,
    ShortSighted,
)

LOCAL = BreakerRules(min_calls=2, first_pause=1.0)
REMOTE = replace(LOCAL, slow_rate=0.5)
JOB = ScoreJob("q", ("a", "b"), deadline=math.inf)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@dataclass
class Moody(FormulaScorer):
    """Does what its mood is: `Unscored` for a reason, or the store's order reversed."""

    name: str = "moody"
    ready: bool = True
    mood: Reason | None = None
    retry_after: float | None = None

    async def score(self, job):
        self.jobs.append(job)
        if self.mood is not None:
            raise Unscored(self.mood, self.retry_after)
        return Scores(np.arange(len(job.texts), dtype=np.float32), self.name)


@pytest.fixture
def clock():
    return Clock()


def guarded(scorer, clock, rules=LOCAL):
    scorer.ready = True
    return Guarded(scorer, rules, clock=clock)


async def ask(tier, job=JOB, times=2):
    """Ask a few times over; return the reason of the last refusal."""
    reason = None
    for _ in range(times):
        try:
            await tier.score(job)
        except Unscored as unscored:
            reason = unscored.reason
    return reason


async def settled(tier):
    """Wait until no probe is under way."""
    for _ in range(100):
        if not len(tier._probes):
            return
        await asyncio.sleep(0)
    raise AssertionError("the probe goes on and on")


FAILURES = [
    Reason.SCORER_ERROR,
    Reason.MODEL_HUNG,
    Reason.BAD_SCORES,
    Reason.BAD_RESPONSE,
    Reason.REMOTE_ERROR,
    Reason.RATE_LIMITED,
    Reason.REMOTE_DENIED,
]
INNOCENT = [
    Reason.OVERLOADED,
    Reason.NO_BUDGET,
    Reason.WARMING,
    Reason.TOO_LONG,
    Reason.REMOTE_REFUSED,
    Reason.MODEL_FAILED,
    Reason.LATE,
]


@pytest.mark.parametrize("reason", FAILURES)
async def test_failures_open_it_and_then_the_model_is_left_alone(clock, caplog, reason):
    model = Moody(mood=reason)
    tier = guarded(model, clock)

    assert await ask(tier) is reason
    assert (tier.state, tier.reason) == (State.OPEN, reason)
    assert await ask(tier) is Reason.BREAKER_OPEN
    assert len(model.jobs) == 2
    assert "model is left alone" in caplog.messages
    assert tier.figures() == {"breaker": 2, "breaker_openings": 1}


@pytest.mark.parametrize("reason", INNOCENT)
async def test_what_is_no_fault_of_the_model_opens_nothing(clock, reason):
    tier = guarded(Moody(mood=reason), clock)

    assert await ask(tier, times=20) is reason
    assert tier.state is State.CLOSED


@pytest.mark.parametrize("make", [Infinite, lambda: Refusing(reason=Reason.BAD_SCORES)])
async def test_junk_is_a_failure(clock, make):
    tier = guarded(make(), clock)

    assert await ask(tier) is Reason.BAD_SCORES
    assert tier.state is State.OPEN


async def test_whatever_it_raises_is_a_failure(clock):
    class Broken(Reversing):
        async def score(self, job):
            raise ZeroDivisionError

    tier = guarded(Broken(), clock)

    assert await ask(tier) is Reason.SCORER_ERROR
    assert tier.state is State.OPEN


async def test_a_part_that_is_missing_for_a_fault_counts(clock):
    class Torn(Halfway):
        async def score(self, job):
            return replace(await super().score(job), missing=Reason.REMOTE_ERROR)

    tier = guarded(Torn(), clock)
    await ask(tier)

    assert (tier.state, tier.reason) == (State.OPEN, Reason.REMOTE_ERROR)


async def test_partial_scores_are_good_ones(clock):
    tier = guarded(Halfway(), clock, REMOTE)
    await ask(tier, times=20)

    assert tier.state is State.CLOSED


async def test_a_local_model_is_not_left_alone_for_being_late(clock):
    tier = guarded(AllNaN(), clock)

    assert await ask(tier, times=20) is Reason.LATE
    assert tier.state is State.CLOSED


async def test_one_behind_a_network_is(clock):
    tier = guarded(AllNaN(), clock, REMOTE)

    assert await ask(tier) is Reason.LATE
    assert (tier.state, tier.reason) == (State.OPEN, Reason.LATE)


async def test_but_not_if_it_had_said_so(clock):
    class Honest(AllNaN):
        def reach(self, job):
            return 0

    tier = guarded(Honest(), clock, REMOTE)
    await ask(tier, times=20)

    assert tier.state is State.CLOSED


async def test_a_call_above_the_limit_is_slow_though_it_had_scores(clock):
    class Slow(Reversing):
        async def score(self, job):
            clock.now += 0.3
            return await super().score(job)

    tier = guarded(Slow(), clock, replace(REMOTE, slow_seconds=0.2))
    await ask(tier)

    assert tier.state is State.OPEN


async def test_one_that_names_a_time_is_left_alone_at_once_until_then(clock):
    tier = guarded(Moody(mood=Reason.RATE_LIMITED, retry_after=7.0), clock)
    await ask(tier, times=1)

    assert tier.state is State.OPEN
    assert 7.5 <= tier.pause_left < 8.0


class Silent(FormulaScorer):
    """Never answers, but can be cancelled."""

    async def score(self, job):
        self.jobs.append(job)
        await asyncio.Event().wait()


@pytest.mark.parametrize(("deadline", "state"), [(math.inf, State.CLOSED), (0.0, State.OPEN)])
async def test_callers_that_leave_count_only_after_the_deadline(clock, deadline, state):
    tier = guarded(Silent(), clock, REMOTE)
    for _ in range(2):
        task = asyncio.get_running_loop().create_task(tier.score(replace(JOB, deadline=deadline)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert tier.state is state


async def test_nothing_is_reached_while_it_is_open(clock):
    tier = guarded(Moody(mood=Reason.REMOTE_ERROR), clock)
    assert tier.reach(JOB) == 2
    assert tier.usual_reach(1.0) == Reach(math.inf)
    await ask(tier)

    assert tier.reach(JOB) == 0
    assert tier.usual_reach(1.0) == Reach(0.0, Reason.BREAKER_OPEN)


async def opened(clock, rules=LOCAL):
    model = Moody(mood=Reason.REMOTE_ERROR)
    tier = guarded(model, clock, rules)
    await ask(tier)
    model.jobs.clear()
    clock.now += tier.pause_left
    assert tier.state is State.HALF_OPEN
    return tier, model


async def test_a_copy_of_a_job_closes_it_while_users_are_answered_at_once(clock, caplog):
    caplog.set_level("INFO")
    tier, model = await opened(clock)
    model.mood = None
    told = []

    assert await ask(tier, replace(JOB, found=lambda *one: told.append(one)), times=3) is Reason.BREAKER_OPEN
    assert model.jobs == [], "it runs behind the answer"
    await settled(tier)

    assert tier.state is State.CLOSED
    (probe,) = model.jobs
    assert (probe.query, probe.texts, probe.found, probe.audit) == ("q", ("a", "b"), None, True)
    assert told == []
    assert "model is asked again" in caplog.messages
    assert (await tier.score(JOB)).scorer == "moody"


async def test_being_passed_over_is_enough_for_a_probe(clock):
    """Whoever has another model never asks this one while its reach is 0."""
    tier, model = await opened(clock)
    model.mood = None
    stack = Tiers([tier, Reversing(ready=True)])

    job = replace(JOB)
    assert (await stack.score(job)).scorer == "reversing"
    assert [(one.model, one.reason) for one in job.attempts] == [
        ("moody", Reason.BREAKER_OPEN),
        ("reversing", None),
    ]
    await settled(tier)
    assert (await stack.score(JOB)).scorer == "moody"


async def test_a_probe_that_fails_lengthens_the_pause(clock):
    tier, model = await opened(clock)
    await ask(tier)
    await settled(tier)

    assert len(model.jobs) == 1
    assert tier.state is State.OPEN
    assert tier.pause_left >= 1.0


async def test_a_probe_that_is_late_where_lateness_counts_does_not_close_it(clock):
    tier, model = await opened(clock, REMOTE)
    model.mood = Reason.LATE
    await ask(tier)
    await settled(tier)

    assert (tier.state, tier.reason) == (State.OPEN, Reason.LATE)


async def test_a_job_without_time_makes_no_probe(clock):
    tier, model = await opened(clock)
    await ask(tier, replace(JOB, deadline=0.0))
    await settled(tier)

    assert model.jobs == []
    assert tier.state is State.HALF_OPEN


@pytest.mark.parametrize(
    ("left", "rules", "seconds"),
    [
        (0.02, REMOTE, 1.0),
        (5.0, REMOTE, 5.0),
        (0.02, replace(REMOTE, slow_seconds=0.3), 0.3),
        (0.4, replace(REMOTE, slow_seconds=0.3), 0.4),
        (math.inf, REMOTE, 60.0),
        (0.02, replace(REMOTE, slow_seconds=100.0), 60.0),
    ],
)
async def test_a_probe_has_time_of_its_own(clock, left, rules, seconds):
    """Else a model that is well again would stay alone, as long as all who come have little time left."""
    tier, model = await opened(clock, rules)
    model.mood = None
    before = asyncio.get_running_loop().time()
    tier.reach(replace(JOB, deadline=before + left))
    after = asyncio.get_running_loop().time()
    await settled(tier)

    (probe,) = model.jobs
    assert before + seconds <= probe.deadline + 1e-6
    assert probe.deadline <= after + seconds + 1e-6
    assert tier.state is State.CLOSED


async def test_failures_of_calls_that_began_before_it_opened_are_old_news(clock):
    """It has been tried since, and is well."""

    class Parting(Moody):
        async def score(self, job):
            if job.query == "old":
                await end.wait()
                raise Unscored(Reason.REMOTE_ERROR)
            return await super().score(job)

    end = asyncio.Event()
    model = Parting(mood=Reason.REMOTE_ERROR)
    tier = guarded(model, clock)
    old = [asyncio.ensure_future(ask(tier, replace(JOB, query="old"), times=1)) for _ in range(8)]
    await asyncio.sleep(0)
    await ask(tier)
    clock.now += tier.pause_left
    model.mood = None
    tier.reach(JOB)
    await settled(tier)
    assert tier.state is State.CLOSED

    end.set()
    assert await asyncio.gather(*old) == [Reason.REMOTE_ERROR] * 8
    assert tier.state is State.CLOSED
    assert tier.figures()["breaker_openings"] == 1


async def test_texts_that_cannot_be_scored_do_not_have_a_model_left_alone(clock):
    class Choosy(Halfway):
        async def score(self, job):
            return replace(await super().score(job), missing=Reason.BAD_SCORES)

    tier = guarded(Choosy(), clock)
    await ask(tier, times=20)

    assert tier.state is State.CLOSED


async def test_a_probe_that_hangs_is_given_up_after_its_deadline(clock):
    tier = guarded(Silent(), clock, replace(REMOTE, slow_seconds=0.01))
    tier._breaker.record(tier._judged(Reason.REMOTE_ERROR, expected=True), retry_after=0.0)
    clock.now += tier.pause_left
    soon = asyncio.get_running_loop().time() + 0.01
    await ask(tier, replace(JOB, deadline=soon), times=1)
    await asyncio.wait(set(tier._probes._running))

    assert (tier.state, tier.reason) == (State.OPEN, Reason.LATE)


async def test_closing_gives_up_on_a_probe(clock):
    tier = guarded(Silent(), clock)
    tier._breaker.record(tier._judged(Reason.REMOTE_ERROR, expected=True), retry_after=0.0)
    clock.now += tier.pause_left
    await ask(tier, times=1)
    await asyncio.sleep(0)
    await tier.close()

    assert len(tier._probes) == 0


async def test_it_is_what_the_model_is(clock):
    model = ShortSighted(identity="weights", pointwise=True)
    tier = Guarded(model, LOCAL, clock=clock)

    assert (tier.name, tier.identity, tier.pointwise, tier.ready) == (
        "short_sighted",
        "weights",
        True,
        False,
    )
    await tier.start()
    assert not tier.ready, "its owner starts it"
    assert tier.readable("text") == "text"
    assert await tier.look_up(JOB) is JOB
