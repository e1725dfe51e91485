"""The engine's five promises, with models that wait, fail and lie in their threads."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.engine import Engine, micro_batches
from tests.fakes.odd_models import Doubling, Failing, Gated, Lying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def running(model, **options) -> AsyncIterator[Engine]:
    engine = Engine(model, name="test", **options)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()
        if isinstance(model, Gated):
            model.let_through(1000)


async def entered(model: Gated, calls: int = 1) -> None:
    """Wait until the model has begun that many calls more."""
    for _ in range(calls):
        await asyncio.to_thread(model.entered.acquire)


def in_ms(milliseconds: float) -> float:
    return asyncio.get_running_loop().time() + milliseconds / 1000


async def soon(coroutine) -> asyncio.Task:
    """Start a coroutine and let it run to its first wait."""
    task = asyncio.get_running_loop().create_task(coroutine)
    await asyncio.sleep(0)
    return task


# --- results -----------------------------------------------------------------------------------


async def test_every_item_gets_its_own_output():
    async with running(Doubling(), threads=3) as engine:
        assert await engine.submit(range(50)) == [2 * number for number in range(50)]


async def test_outputs_come_back_in_the_order_of_the_items_whatever_the_batches():
    async with running(Doubling(), batch_size=4) as engine:
        items = [9, 1, 8, 2, 7, 3, 6, 4, 5]
        assert await engine.submit(items) == [2 * item for item in items]


async def test_a_job_never_gets_the_outputs_of_another():
    async with running(Doubling(), threads=4, batch_size=3) as engine:
        jobs = [range(start, start + 7) for start in range(0, 7000, 7)]
        results = await asyncio.gather(*(engine.submit(job, in_ms(30_000), keep=None) for job in jobs[:140]))
    assert results == [[2 * item for item in job] for job in jobs[:140]]


async def test_no_items_are_no_work():
    async with running(Doubling()) as engine:
        assert await engine.submit([]) == []


# --- deadlines ---------------------------------------------------------------------------------


async def test_at_the_deadline_a_job_gets_what_is_computed():
    model = Gated()
    async with running(model) as engine:
        model.let_through(2)
        assert await engine.submit([1, 2, 3, 4], in_ms(100)) == [2, 4, None, None]


async def test_what_is_left_at_the_deadline_is_never_computed():
    model = Gated()
    async with running(model) as engine:
        assert await engine.submit([1, 2, 3], in_ms(20)) == [None, None, None]
        assert engine.waiting == 0
        model.let_through(10)
        assert await engine.submit([7]) == [14]
    assert model.batches == [(1,), (7,)]


async def test_a_deadline_in_the_past_costs_no_model_time():
    model = Doubling()
    async with running(model) as engine:
        assert await engine.submit([1], in_ms(-1)) == [None]
    assert model.batches == []


async def test_the_earliest_deadline_goes_first():
    model = Gated()
    async with running(model) as engine:
        first = await soon(engine.submit([1]))
        await entered(model)
        later = await soon(engine.submit([2, 3], in_ms(30_000)))
        sooner = await soon(engine.submit([4, 5], in_ms(20_000)))
        model.let_through(5)
        await asyncio.gather(first, later, sooner)
    assert model.batches == [(1,), (4,), (5,), (2,), (3,)]


async def test_jobs_of_equal_deadline_keep_their_order():
    model = Gated()
    async with running(model) as engine:
        deadline = in_ms(30_000)
        jobs = [await soon(engine.submit([number], deadline)) for number in range(5)]
        model.let_through(5)
        await asyncio.gather(*jobs)
    assert model.batches == [(0,), (1,), (2,), (3,), (4,)]


async def test_an_output_that_is_late_for_its_job_is_still_kept():
    """A document that was half encoded at the deadline need not be encoded again."""
    model = Gated()
    kept: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
    async with running(model) as engine:
        job = engine.submit([5], in_ms(10), keep=lambda place, output: kept.put_nowait((place, output)))
        assert await job == [None]
        model.let_through()
        assert await kept.get() == (0, 10)


# --- idle work ---------------------------------------------------------------------------------


async def test_idle_work_never_goes_before_live_work():
    model = Gated()
    async with running(model) as engine:
        first = await soon(engine.submit([1]))
        await entered(model)
        idle = await soon(engine.submit([100, 101], idle=True))
        live = await soon(engine.submit([2, 3]))
        model.let_through(5)
        await asyncio.gather(first, idle, live)
    assert model.batches == [(1,), (2,), (3,), (100,), (101,)]


async def test_live_work_overtakes_an_idle_job_between_two_batches():
    model = Gated()
    async with running(model) as engine:
        idle = await soon(engine.submit([100, 101, 102], idle=True))
        await entered(model)
        live = await soon(engine.submit([1]))
        model.let_through(4)
        await asyncio.gather(idle, live)
    assert model.batches == [(100,), (1,), (101,), (102,)]


# --- bounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle", [False, True])
async def test_a_full_queue_refuses_at_once_and_counts_it(idle):
    model = Gated()
    async with running(model, live_limit=4, idle_limit=4) as engine:
        running_job = await soon(engine.submit([1, 2, 3, 4], idle=idle))
        await entered(model)
        assert engine.waiting == 3
        with pytest.raises(Unscored, match=Reason.OVERLOADED):
            await engine.submit([5, 6], idle=idle)
        assert engine.refused == 2
        waiting_job = await soon(engine.submit([7], idle=idle))
        model.let_through(5)
        assert await waiting_job == [14]
        assert await running_job == [2, 4, 6, 8]


async def test_there_are_never_more_model_calls_than_threads_however_many_waiters_give_up():
    """Were a slot given back by its waiter, each cancelled one would let another call in."""
    model = Gated()
    async with running(model, threads=2) as engine:
        for _ in range(20):
            job = await soon(engine.submit([1, 2, 3]))
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
        survivor = await soon(engine.submit([4]))
        await entered(model, 2)
        model.let_through(1000)
        assert await survivor == [8]
    assert model.most_inside == 2


async def test_a_storm_of_cancellations_leaves_nothing_behind():
    chance = random.Random(7)
    threads = threading.active_count()
    async with running(Doubling(), threads=2, live_limit=10_000) as engine:
        jobs = [await soon(engine.submit(range(5), in_ms(chance.uniform(0, 40)))) for _ in range(1000)]
        for job in chance.sample(jobs, 600):
            job.cancel()
            await asyncio.sleep(0)
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert engine.waiting == 0
        assert not engine._live._jobs
        assert await engine.submit([1]) == [2]
        assert threading.active_count() <= threads + 2
    for result in results:
        if not isinstance(result, asyncio.CancelledError):
            assert all(output in (None, 2 * item) for item, output in enumerate(result))


# --- broken models -----------------------------------------------------------------------------


async def test_a_model_that_raises_costs_the_job_its_result_and_nobody_else(caplog):
    async with running(Failing()) as engine:
        good, bad = await asyncio.gather(
            engine.submit([1, 2, 3]), engine.submit([1, -1, 2]), return_exceptions=True
        )
        assert good == [2, 4, 6]
        assert isinstance(bad, Unscored)
        assert bad.reason is Reason.SCORER_ERROR
        assert await engine.submit([5]) == [10]
    assert [record.message for record in caplog.records] == ["model call failed"]


async def test_the_rest_of_a_failed_job_is_not_computed(caplog):
    model = Failing()
    async with running(model) as engine:
        with pytest.raises(Unscored):
            await engine.submit([-1, *range(50)])
        assert engine.waiting == 0
    assert model.batches == []
    assert caplog.records


async def test_a_model_that_gives_too_few_outputs_is_not_believed(caplog):
    async with running(Lying(), batch_size=2) as engine:
        with pytest.raises(Unscored, match=Reason.BAD_SCORES):
            await engine.submit([1, 2])
    assert [record.message for record in caplog.records] == ["model gave a wrong number of outputs"]


async def test_under_a_hung_model_every_job_still_ends_at_its_deadline_and_nothing_piles_up():
    model = Gated()
    async with running(model) as engine:
        for _ in range(5):
            assert await engine.submit([1, 2], in_ms(5)) == [None, None]
        assert engine.waiting == 0
        assert not engine._live._jobs


async def test_closing_lets_jobs_go_with_what_they_have_even_if_the_model_hangs():
    model = Gated()
    engine = Engine(model, name="test")
    engine.start()
    model.let_through()
    job = await soon(engine.submit([1, 2, 3]))
    await entered(model, 2)
    engine.close()
    assert await job == [2, None, None]
    model.let_through(10)


async def test_the_threads_end_after_closing():
    engine = Engine(Doubling(), name="ending", threads=2)
    engine.start()
    await engine.submit([1])
    engine.close()
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("midrank-ending")]
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in mine))


# --- micro-batches -----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500), max_size=100), st.integers(1, 8))
def test_batches_hold_every_place_once(sizes, batch_size):
    batches = list(micro_batches(sizes, batch_size))
    assert sorted(place for batch in batches for place in batch) == list(range(len(sizes)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


@given(st.lists(st.integers(0, 500), max_size=100), st.integers(1, 8))
def test_batches_stay_near_the_top_of_the_list(sizes, batch_size):
    """So that what is scored at a deadline is the top, give or take a window."""
    seen = 0
    for batch in micro_batches(sizes, batch_size):
        assert max(batch) < seen + 4 * batch_size
        seen += len(batch)


def test_items_of_similar_size_share_a_batch():
    assert list(micro_batches([9, 1, 8, 2, 7, 3, 6, 4], 2)) == [(1, 3), (5, 7), (6, 4), (2, 0)]


def test_single_texts_keep_the_order_of_the_list():
    assert list(micro_batches([9, 1, 5], 1)) == [(0,), (1,), (2,)]
