from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from proxy.cache.redis_loop import repeat


async def test_a_loop_goes_on_after_whatever_a_turn_raises(caplog):
    errors = Counter()
    turns = []
    enough = asyncio.Event()

    async def turn():
        turns.append(len(turns))
        if len(turns) == 5:
            enough.set()
        await asyncio.sleep(0)
        raise [ValueError, KeyError, RecursionError][len(turns) % 3]("what is cached")

    running = asyncio.ensure_future(repeat(turn, errors, pause=0))
    await enough.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert errors["other"] >= 4
    assert [record.message for record in caplog.records] == ["redis loop stumbled"]
    assert "what is cached" not in caplog.text
