"""Models in their spans, and models that never started."""

from __future__ import annotations

import pytest

from proxy.errors import Unscored
from proxy.scoring.base import ScoreJob
from proxy.scoring.traced import Traced
from proxy.telemetry import Telemetry
from tests.fakes.odd_scorers import Reversing

JOB = ScoreJob("q", ("a", "b"), deadline=float("inf"))


async def test_it_does_what_the_scorer_does():
    traced = Traced(Reversing(), Telemetry())
    assert not traced.ready
    await traced.start()

    assert (traced.ready, traced.name, traced.pointwise) == (True, "reversing", False)
    assert (await traced.score(JOB)).scorer == "reversing"
    await traced.close()
    assert not traced.ready


async def test_a_scorer_that_never_started_says_so_and_not_that_it_is_warming():
    class Broken(Reversing):
        async def start(self):
            raise MemoryError

    traced = Traced(Broken(), Telemetry())
    with pytest.raises(MemoryError):
        await traced.start()

    with pytest.raises(Unscored, match="model_failed"):
        await traced.score(JOB)
