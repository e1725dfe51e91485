"""The engine's promises, with models that wait, fail and lie in their threads."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.cost_model import Shape
from proxy.scoring.engine import Engine, Outputs
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
        assert (await engine.submit(range(50))).values == [2 * number for number in range(50)]


async def test_outputs_come_back_in_the_order_of_the_items_whatever_the_batches():
    async with running(Doubling(batch_size=4)) as engine:
        items = [9, 1, 8, 2, 7, 3, 6, 4, 5]
        assert (await engine.submit(items)).values == [2 * item for item in items]


async def test_a_model_may_want_smaller_batches_while_it_runs():
    model = Doubling(batch_size=4)
    async with running(model) as engine:
        await engine.submit(range(8))
        model.batch_size = 2
        await engine.submit(range(4))
    assert [len(batch) for batch in model.batches] == [4, 4, 2, 2]


async def test_few_items_are_reckoned_as_the_small_batch_that_they_are():
    async with running(Doubling(batch_size=8)) as engine:
        for texts in (1, 2, 4, 8):
            for _ in range(50):
                engine.cost.observe(Shape(texts, 10 * texts), 0.8 + 0.1 * texts)
        assert engine.seconds([10]) == pytest.approx(0.9, rel=0.1)
        assert engine.seconds([10] * 8) == pytest.approx(1.6, rel=0.1)


async def test_a_job_never_gets_the_outputs_of_another():
    async with running(Doubling(batch_size=3), threads=4) as engine:
        jobs = [range(start, start + 7) for start in range(0, 7000, 7)]
        results = await asyncio.gather(*(engine.submit(job, in_ms(30_000), keep=None) for job in jobs[:140]))
    assert [one.values for one in results] == [[2 * item for item in job] for job in jobs[:140]]


async def test_no_items_are_no_work():
    async with running(Doubling()) as engine:
        assert (await engine.submit([])).values == []


# --- deadlines ---------------------------------------------------------------------------------


async def test_at_the_deadline_a_job_gets_what_is_computed():
    model = Gated()
    async with running(model) as engine:
        model.let_through(2)
        assert (await engine.submit([1, 2, 3, 4], in_ms(100))).values == [2, 4, None, None]


async def test_what_is_left_at_the_deadline_is_never_computed():
    model = Gated()
    async with running(model) as engine:
        assert (await engine.submit([1, 2, 3], in_ms(20))).values == [None, None, None]
        assert engine.waiting == 0
        model.let_through(10)
        assert (await engine.submit([7])).values == [14]
    assert model.batches == [(1,), (7,)]


async def test_a_deadline_in_the_past_costs_no_model_time():
    model = Doubling()
    async with running(model) as engine:
        assert (await engine.submit([1], in_ms(-1))).values == [None]
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
        assert (await job).values == [None]
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


async def test_idle_work_of_one_engine_waits_for_live_work_of_another():
    """Two models share the CPUs: what one does for later searches must not slow down this one."""
    live_model, idle_model = Gated(), Gated()
    async with running(live_model) as first, running(idle_model) as second:
        live = await soon(first.submit([1, 2]))
        await entered(live_model)
        idle = await soon(second.submit([100], idle=True))
        live_model.let_through(1)
        await entered(live_model)
        assert idle_model.entered._value == 0
        live_model.let_through(1)
        await live
        idle_model.let_through(1)
        assert (await idle).values == [200]
    assert idle_model.batches == [(100,)]


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
        assert engine.refused == 1
        waiting_job = await soon(engine.submit([7], idle=idle))
        model.let_through(5)
        assert (await waiting_job).values == [14]
        assert (await running_job).values == [2, 4, 6, 8]


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
        assert (await survivor).values == [8]
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
        assert (await engine.submit([1])).values == [2]
        assert threading.active_count() <= threads + 2
    for result in results:
        if isinstance(result, Outputs):
            assert all(output in (None, 2 * item) for item, output in enumerate(result.values))


# --- broken models -----------------------------------------------------------------------------


async def test_a_model_that_raises_costs_the_job_its_result_and_nobody_else(caplog):
    async with running(Failing()) as engine:
        good, bad = await asyncio.gather(
            engine.submit([1, 2, 3]), engine.submit([1, -1, 2]), return_exceptions=True
        )
        assert good.values == [2, 4, 6]
        assert isinstance(bad, Unscored)
        assert bad.reason is Reason.SCORER_ERROR
        assert (await engine.submit([5])).values == [10]
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
    async with running(Lying(batch_size=2)) as engine:
        with pytest.raises(Unscored, match=Reason.BAD_SCORES):
            await engine.submit([1, 2])
    assert [record.message for record in caplog.records] == ["model gave a wrong number of outputs"]


async def test_under_a_hung_model_every_job_still_ends_at_its_deadline_and_nothing_piles_up():
    model = Gated()
    async with running(model) as engine:
        for _ in range(5):
            assert (await engine.submit([1, 2], in_ms(5))).values == [None, None]
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
    assert (await job).values == [2, None, None]
    model.let_through(10)


async def test_the_threads_end_after_closing():
    engine = Engine(Doubling(), name="ending", threads=2)
    engine.start()
    await engine.submit([1])
    engine.close()
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("midrank-ending")]
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in mine))


async def test_of_a_batch_that_fails_only_the_guilty_job_does(caplog):
    """Items of different searches share calls; one that the model can't bear must not cost the others."""
    model = Failing(batch_size=4)
    async with running(model) as engine:
        results = await asyncio.gather(
            engine.submit([1]), engine.submit([-5]), engine.submit([2]), return_exceptions=True
        )
    assert [one.values for one in (results[0], results[2])] == [[2], [4]]
    assert isinstance(results[1], Unscored)
    assert results[1].reason is Reason.SCORER_ERROR


async def test_a_call_that_hangs_is_given_up_and_its_thread_replaced(caplog):
    model = Gated()
    async with running(model, patience=0.05) as engine:
        stuck = await soon(engine.submit([1, 2]))
        await entered(model)
        with pytest.raises(Unscored, match=Reason.MODEL_HUNG):
            await stuck
        other = await soon(engine.submit([3]))
        await entered(model)
        model.let_through(2)
        assert (await other).values == [6]
    assert [record.message for record in caplog.records] == ["model call hangs; its thread is replaced"]
    assert model.interrupts == 1
    assert model.batches.count((3,)) == 1


async def test_a_thread_that_comes_back_from_a_hung_call_ends(caplog):
    model = Gated()
    async with running(model, patience=0.02) as engine:
        with pytest.raises(Unscored, match=Reason.MODEL_HUNG):
            await engine.submit([1])
        (hung,) = [one for one in threading.enumerate() if one.name == "midrank-test"][:1]
        model.let_through()
        await asyncio.to_thread(hung.join, 5)
        assert not hung.is_alive()
        model.let_through()
        assert (await engine.submit([3])).values == [6]


async def test_a_model_that_hangs_again_and_again_is_not_asked_any_more(caplog):
    model = Gated()
    async with running(model, patience=0.001) as engine:
        for _ in range(8):
            with pytest.raises(Unscored, match=Reason.MODEL_HUNG):
                await engine.submit([1])
        with pytest.raises(Unscored, match=Reason.MODEL_FAILED):
            await engine.submit([1])


# --- admission ---------------------------------------------------------------------------------


async def busy(model, engine: Engine, seconds_per_item: float) -> asyncio.Task:
    """Teach the engine what an item costs, and have it work on one while another one waits."""
    for _ in range(40):
        engine.cost.observe(Shape(1, 1), seconds_per_item)
    first = await soon(engine.submit([1, 1], in_ms(60_000)))
    await entered(model)
    return first


async def test_a_job_that_can_not_make_its_least_depth_is_refused_at_once_and_costs_nothing():
    model = Gated()
    async with running(model) as engine:
        first = await busy(model, engine, 10.0)
        with pytest.raises(Unscored, match=Reason.OVERLOADED):
            await engine.submit([1] * 10, in_ms(11_000), at_least=5)
        assert engine.refused == 1
        model.let_through(10)
        await first
    assert model.batches == [(1,), (1,)]


async def test_where_nothing_waits_a_job_is_tried_whatever_is_predicted():
    """A prediction that is far too high would else never be corrected."""
    model = Doubling()
    async with running(model) as engine:
        for _ in range(40):
            engine.cost.observe(Shape(1, 1), 100.0)
        assert (await engine.submit([1, 1], in_ms(5_000), at_least=2)).values == [2, 2]


async def test_under_load_a_job_is_cut_from_its_end_and_says_so():
    model = Gated()
    async with running(model) as engine:
        first = await busy(model, engine, 1.0)
        jobs = [await soon(engine.submit([1] * 10, in_ms(60_000), at_least=2)) for _ in range(20)]
        model.let_through(1000)
        await first
        results = await asyncio.gather(*jobs, return_exceptions=True)
    reached = [
        sum(output is not None for output in one.values) for one in results if isinstance(one, Outputs)
    ]
    assert any(one.shortened for one in results if isinstance(one, Outputs))
    for one in results:
        if isinstance(one, Outputs):
            depth = sum(output is not None for output in one.values)
            assert one.values == [2] * depth + [None] * (10 - depth)
            assert one.shortened == (depth < 10)
        else:
            assert one.reason is Reason.OVERLOADED
    assert min(reached) >= 2


async def test_when_not_all_can_be_in_time_all_jobs_are_read_to_the_same_depth():
    model = Gated()
    async with running(model) as engine:
        for _ in range(40):
            engine.cost.observe(Shape(1, 1), 0.1)
        alone = await soon(engine.submit([1.0] * 6, in_ms(400), at_least=2))
        await entered(model)
        other = await soon(engine.submit([1.1] * 6, in_ms(550), at_least=2))
        model.let_through(1000)
        await asyncio.gather(alone, other)
    assert [batch[0] for batch in model.batches[:6]] == [1.0, 1.0, 1.1, 1.1, 1.0, 1.0]


async def test_a_tenant_that_asks_for_too_much_does_not_slow_down_another():
    model = Gated()
    async with running(model) as engine:
        first = await busy(model, engine, 0.1)
        flood = [await soon(engine.submit([1] * 10, in_ms(10_000), tenant="loud")) for _ in range(30)]
        quiet = await soon(engine.submit([1] * 2, in_ms(10_000), tenant="quiet", at_least=2))
        model.let_through(1000)
        await asyncio.gather(first, *flood, return_exceptions=True)
        assert (await quiet).values == [2, 2]


async def test_costs_that_were_learnt_long_ago_are_not_believed():
    """A tier that is passed over for being slow is never called, and would stay slow for ever."""
    async with running(Doubling()) as engine:
        await engine.submit([1])
        for _ in range(40):
            engine.cost.observe(Shape(1, 1), 100.0)
        assert engine.reach([1] * 10, in_ms(150)) == 0
        engine._last_begun -= 6
        assert engine.reach([1] * 10, in_ms(150)) == 10


async def test_a_text_that_takes_longer_than_there_is_time_is_out_of_reach_for_any_number_of_threads():
    async with running(Doubling(), threads=16) as engine:
        await engine.submit([1])
        for _ in range(40):
            engine.cost.observe(Shape(1, 1), 0.05)
        assert engine.reach([1] * 10, in_ms(20)) == 0


async def test_the_usual_reach_is_bounded_by_the_load_and_says_so():
    model = Gated()
    async with running(model) as engine:
        assert engine.usual_reach(0.1).texts == math.inf
        first = await busy(model, engine, 0.01)
        idle = engine.usual_reach(0.1)
        for _ in range(50):
            with suppress(Unscored, TimeoutError):
                await asyncio.wait_for(engine.submit([1] * 30, in_ms(150)), 0.001)
        loaded = engine.usual_reach(0.1)
        model.let_through(100)
        await first
    assert idle.reason is Reason.LATE
    assert loaded.reason is Reason.OVERLOADED
    assert loaded.texts < idle.texts / 2


async def test_closing_lets_even_a_job_without_a_deadline_go_whose_last_item_hangs():
    model = Gated()
    engine = Engine(model, name="test")
    engine.start()
    job = await soon(engine.submit([1]))
    await entered(model)
    engine.close()
    assert (await job).values == [None]
    with pytest.raises(Unscored, match=Reason.MODEL_FAILED):
        await engine.submit([1])
    model.let_through(10)


async def test_a_model_that_gives_nothing_at_all_is_not_believed(caplog):
    class Silent(Doubling):
        def run(self, items):
            return None

    async with running(Silent()) as engine:
        with pytest.raises(Unscored, match=Reason.SCORER_ERROR):
            await engine.submit([1])


async def test_a_broken_keep_does_not_stop_the_engine():
    async with running(Doubling()) as engine:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await asyncio.gather(
            engine.submit([1], in_ms(20), keep=lambda *_: 1 / 0), engine.submit([2], in_ms(5000))
        )
        assert (await engine.submit([3])).values == [6]


async def test_a_broken_model_is_complained_about_once_in_a_while(caplog):
    async with running(Failing()) as engine:
        for _ in range(20):
            with pytest.raises(Unscored):
                await engine.submit([-1])
    assert caplog.messages == ["model call failed"]


async def test_the_calibration_teaches_what_items_cost():
    async with running(Doubling(batch_size=2)) as engine:
        await engine.calibrate([10, 100])
        assert 0 < engine.cost.cost(Shape(1, 10)).p50 < 1
        assert engine.reach([10, 100], in_ms(30_000)) == 2
        assert engine.seconds([10, 100]) > 0
