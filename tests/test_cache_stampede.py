"""What everybody asks at the same moment is scored once."""

from __future__ import annotations

import asyncio

from tests.fakes.tenants import Asked, fronts

CROWD = 500


async def until(all_wait, answers):
    """Wait until all searches wait for the scorer; an answer before that is one too early."""
    while not all_wait():
        await asyncio.sleep(0.005)
        assert not any(answer.done() for answer in answers)


async def test_a_crowd_of_identical_searches_costs_one_run_of_the_model():
    asked = Asked(tenant=0, question=0, half=None, rows=4)
    async with fronts({}) as (front,):
        front.scorer.may_go.clear()
        answers = [asyncio.ensure_future(front.ask(asked)) for _ in range(CROWD)]
        texts = 12  # three times the rows
        await until(lambda: front.figures["cache_shared"] == (CROWD - 1) * texts, answers)
        front.scorer.may_go.set()
        first, *others = await asyncio.gather(*answers)

        assert [len(job.texts) for job in front.scorer.jobs] == [texts]
        assert all(other == first for other in others)


async def test_searches_that_overlap_have_each_text_scored_once():
    """Pages of other sizes have other windows; what two of them share belongs to whoever came first."""
    sizes = [Asked(tenant=0, question=0, half=None, rows=rows) for rows in (2, 3, 4, 5, 6)]
    async with fronts({}) as (front,):
        front.scorer.may_go.clear()
        answers = [asyncio.ensure_future(front.ask(asked)) for asked in sizes * 20]
        await until(lambda: front.figures["cache_misses"] == len(answers), answers)
        front.scorer.may_go.set()
        await asyncio.gather(*answers)

        scored = [text for job in front.scorer.jobs for text in job.texts]
        assert len(scored) == len(set(scored)) == 18
