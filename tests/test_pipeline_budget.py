"""What the pipeline tells a scorer about time, and what it makes of what the scorer tells."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from tests.fakes.odd_scorers import Reversing, ShortSighted
from tests.fakes.toy_codec import ToyCodec, ToyStore
from tests.test_pipeline import TEN, exchanges, rows, story


class SlowStore(ToyStore):
    """Takes its time."""

    seconds = 0.0

    async def fetch(self, request):
        await asyncio.sleep(self.seconds)
        return await super().fetch(request)


def milliseconds(text: str) -> tuple[tuple[str, str], ...]:
    return (("x-request-timeout-ms", text),)


async def deadline_of(here, headers=()) -> float:
    """Return the seconds that the scorer was given for a search, from the search's arrival."""
    arrived = asyncio.get_running_loop().time()
    await here.run(TEN, headers=headers)
    return here.scorer.jobs[-1].deadline - arrived


async def test_the_scorer_is_told_the_least_depth_and_for_whom_it_works():
    async with exchanges(candidates={"at_least": 7}) as here:
        await here.run(TEN)

    (job,) = here.scorer.jobs
    assert (job.at_least, job.tenant) == (7, "chroma")


async def test_a_caller_s_deadline_counts_from_the_request_s_arrival():
    store = SlowStore()
    store.seconds = 0.05
    async with exchanges(store) as here:
        assert await deadline_of(here, milliseconds("5000")) <= 5.0
        assert await deadline_of(here) > 25.0


async def test_the_budget_does_not_count_the_store_s_time():
    store = SlowStore()
    store.seconds = 0.1
    async with exchanges(store, budget_ms=1000) as here:
        assert await deadline_of(here) == pytest.approx(1.1, abs=0.09)


async def test_the_budget_counts_what_midrank_itself_spends_before_and_after_the_store():
    class Laborious(ToyCodec):
        def decode_request(self, request):
            labour(0.1)
            call = super().decode_request(request)
            decode = call.decode_response
            call.decode_response = lambda answer: (labour(0.1), decode(answer))[1]
            return call

    async with exchanges(codec=Laborious(), budget_ms=1000) as here:
        assert await deadline_of(here) == pytest.approx(1.0, abs=0.09)


def labour(seconds: float) -> None:
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


async def test_what_the_request_gives_the_store_is_a_deadline_too():
    class Timed(ToyCodec):
        def decode_request(self, request):
            call = super().decode_request(request)
            call.timeout = 3.0
            return call

    async with exchanges(codec=Timed()) as here:
        assert await deadline_of(here) <= 3.0


async def test_a_late_event_loop_shortens_the_budget():
    async with exchanges(budget_ms=10_000) as here:
        here.pulse.beat(2.02)
        assert await deadline_of(here) == pytest.approx(6.0, abs=0.5)
        here.pulse.beat(6.02)
        assert story(await here.run(TEN)) == "passed no_budget"


async def test_a_store_that_takes_all_the_time_there_is_passes_untouched():
    store = SlowStore()
    store.seconds = 0.2
    async with exchanges(store) as here:
        for _ in range(10):
            await here.run(TEN)
        store.seconds = 0.0
        answer = await here.run(TEN, headers=milliseconds("50"))
        assert story(answer) == "passed no_budget"


async def test_one_slow_answer_does_not_shut_out_callers_with_deadlines_for_ever():
    """A store that is only passed to is not measured: what is known of it has to fade."""
    store = SlowStore()
    store.seconds = 0.5
    async with exchanges(store) as here:
        await here.run(TEN)
        store.seconds = 0.0
        stories = [story(await here.run(TEN, headers=milliseconds("40"))) for _ in range(30)]

    assert stories[0] == "passed no_budget"
    assert stories[-1] == "reranked"


async def test_no_more_is_fetched_than_can_be_ranked_and_the_answer_says_so():
    async with exchanges(scorer=ShortSighted(sees=12)) as here:
        answer = await here.run(TEN)

    assert story(answer) == "partial late"
    assert answer.headers["x-midrank-scored"] == "18/50"
    assert len(rows(answer)[0]) == 10


async def test_a_small_collection_that_is_ranked_whole_is_not_partial():
    async with exchanges(ToyStore(size=8), scorer=ShortSighted(sees=12)) as here:
        answer = await here.run(TEN)

    assert story(answer) == "reranked"
    assert answer.headers["x-midrank-scored"] == "8/8"


async def test_an_unbounded_reach_fetches_the_whole_window():
    async with exchanges(scorer=Reversing()) as here:
        answer = await here.run(TEN)

    assert answer.headers["x-midrank-scored"] == "50/50"
