"""Replicas behind a balancer are restarted one after the other, and no search fails."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from tests.fakes.balancer import CHECK_EVERY, MISSING, haproxy
from tests.fakes.scene import Replica
from tests.fakes.searching import Searching

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

DELAY = 5 * CHECK_EVERY / 1000


async def restarted_under_load(scene, folder, times, apps):
    """Restart two replicas in turn, so many times in all; return what came of the searches."""
    replicas = [Replica(scene, number, DELAY) for number in range(2)]
    await asyncio.gather(*(asyncio.to_thread(replica.start) for replica in replicas))
    with ExitStack() as stack:
        places = [(replica.listen, replica.admin) for replica in replicas]
        balancer = await asyncio.to_thread(stack.enter_context, haproxy(folder, places))
        searching = Searching()
        searches = asyncio.create_task(searching.run(balancer.address, apps))
        for number in range(times):
            assert await asyncio.to_thread(replicas[number % 2].stop) == 0
            await asyncio.to_thread(replicas[number % 2].start)
            await asyncio.to_thread(balancer.wait_for, 2)
        searching.stop = True
        await searches
        await asyncio.gather(*(asyncio.to_thread(replica.stop) for replica in replicas))
        lines = [line for replica in replicas for line in replica.running.lines("drained")]
        assert [line["cut_off"] for line in lines] == [0] * (times + 2)
    return searching


@pytest.mark.timeout(120)
async def test_no_search_fails(scene, tmp_path):
    searching = await restarted_under_load(scene, tmp_path, times=2, apps=4)

    assert searching.failures == {}
    assert searching.unlike([scene.page()]) == {}


@pytest.mark.nightly
@pytest.mark.timeout(600)
async def test_no_search_fails_in_twenty_restarts(scene, tmp_path):
    searching = await restarted_under_load(scene, tmp_path, times=20, apps=16)

    assert searching.failures == {}
    assert searching.unlike([scene.page()]) == {}
