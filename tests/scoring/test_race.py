"""The better one wins if it is in time; the floor is there if it is not."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import ScoreJob
from proxy.scoring.race import Race
from proxy.scoring.tiers import Tiers
from tests.fakes.odd_scorers import (
    AllNaN,
    Crashing,
    Halfway,
    Hanging,
    NeverReady,
    Refusing,
    Reversing,
    TermOverlap,
)


async def raced(better, floor, *, milliseconds=1000.0):
    for scorer in (better, floor):
        if not isinstance(scorer, NeverReady):
            await scorer.start()
    race = Race(better, floor)
    deadline = asyncio.get_running_loop().time() + milliseconds / 1000
    try:
        return await race.score(ScoreJob("q", ("a", "q", "b", "c"), deadline))
    finally:
        for scorer in (better, floor):
            await scorer.close()
        await race.close()


async def test_the_better_one_wins_if_it_is_in_time():
    assert (await raced(TermOverlap(), Reversing())).scorer == "term_overlap"


@pytest.mark.parametrize("better", [Crashing, Refusing, AllNaN, NeverReady])
async def test_the_floor_stands_in_for_a_better_one_that_fails(better):
    assert (await raced(better(), Reversing())).scorer == "reversing"


async def test_the_floor_stands_in_for_one_that_scored_less():
    assert (await raced(Halfway(), Reversing())).scorer == "reversing"


async def test_one_that_hangs_costs_the_deadline_and_not_the_floor():
    assert (await raced(Hanging(), Reversing(), milliseconds=20)).scorer == "reversing"


async def test_what_is_not_needed_any_more_is_given_up():
    class Slow(Reversing):
        async def score(self, job):
            await asyncio.sleep(60)

    better, floor = Slow(ready=True), TermOverlap(ready=True)
    race = Race(better, floor)
    deadline = asyncio.get_running_loop().time() + 0.01
    assert (await race.score(ScoreJob("q", ("a", "q"), deadline))).scorer == "term_overlap"
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(race._tasks) == 0


async def test_the_better_one_stands_alone_if_the_floor_fails():
    assert (await raced(Halfway(), Crashing())).scorer == "halfway"


async def test_if_both_fail_the_floor_says_why():
    with pytest.raises(Unscored, match=Reason.OVERLOADED):
        await raced(Crashing(), Refusing())


async def tried(better, floor, *, milliseconds=1000.0):
    """Return the attempts of a race between two tiers, and who won."""
    for scorer in (better, floor):
        await scorer.start()
    race = Race(Tiers([better]), Tiers([floor]))
    deadline = asyncio.get_running_loop().time() + milliseconds / 1000
    job = ScoreJob("q", ("a", "q", "b", "c"), deadline)
    try:
        winner = (await race.score(job)).scorer
    finally:
        for scorer in (better, floor):
            await scorer.close()
        await race.close()
    return [(one.model, one.reason) for one in job.attempts], winner


async def test_the_winner_is_the_last_attempt():
    assert await tried(Halfway(), Reversing()) == ([("halfway", None), ("reversing", None)], "reversing")
    assert await tried(Reversing(), Crashing()) == ([("reversing", None)], "reversing")
    assert await tried(Halfway(), Crashing()) == (
        [("crashing", Reason.SCORER_ERROR), ("halfway", None)],
        "halfway",
    )
    assert await tried(Crashing(), Reversing()) == (
        [("crashing", Reason.SCORER_ERROR), ("reversing", None)],
        "reversing",
    )


async def test_one_that_hangs_is_a_late_attempt():
    attempts, _ = await tried(Hanging(), Reversing(), milliseconds=20)

    assert attempts == [("hanging", Reason.LATE), ("reversing", None)]


async def test_a_race_names_and_describes_itself():
    race = Race(TermOverlap(ready=True), NeverReady())
    assert (race.name, race.ready, race.pointwise) == ("term_overlap|never_ready", True, True)
    assert race.usual_reach(1.0).texts == float("inf")
    assert Race(NeverReady(), NeverReady()).usual_reach(1.0).texts == 0
