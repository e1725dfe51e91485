"""Memory in front of Redis."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from proxy.cache.layered import LayeredCache
from proxy.cache.memory import MemoryCache
from tests.cache.opened import redis_cache, until_found, until_gone

pytestmark = pytest.mark.store


@asynccontextmanager
async def layered(server):
    async with redis_cache(server.url) as redis:
        memory = MemoryCache(2**20)
        yield LayeredCache(memory, redis, ttl=60), memory, redis


def pairs(count):
    query = os.urandom(16)
    return {query + os.urandom(16): os.urandom(4) for _ in range(count)}


async def test_redis_is_asked_only_for_what_memory_does_not_know(server):
    mine, others = pairs(3), pairs(2)
    async with layered(server) as (cache, _, redis), redis_cache(server.url) as elsewhere:
        cache.put_many(mine, 60)
        elsewhere.put_many(others, 60)
        await until_found(elsewhere, list(others))
        asked = redis.figures()
        assert await cache.get_many([*mine, *others]) == [*mine.values(), *others.values()]
        assert redis.figures()["hits"] - asked["hits"] == 2
        # What it said is known from then on.
        assert await cache.get_many([*others, *mine]) == [*others.values(), *mine.values()]
        assert redis.figures()["hits"] - asked["hits"] == 2
        assert redis.figures()["misses"] == asked["misses"]


async def test_memory_answers_when_redis_is_gone(server):
    items = pairs(3)
    async with layered(server) as (cache, _, _):
        cache.put_many(items, 60)
        server.kill()

        for _ in range(10):
            assert await cache.get_many([*items, os.urandom(32)]) == [*items.values(), None]


async def test_a_clear_elsewhere_empties_memory(server):
    items = pairs(3)
    async with layered(server) as (cache, memory, _), redis_cache(server.url) as elsewhere:
        cache.put_many(items, 60)
        await elsewhere.clear()
        await until_gone(cache, list(items))

        assert memory.figures()["entries"] == 0


async def test_memory_outlives_a_redis_that_lost_its_data(server):
    items = pairs(3)
    async with layered(server) as (cache, _, redis):
        cache.put_many(items, 60)
        await until_found(redis, list(items))
        server.kill()
        await redis.get_many(list(items))
        await asyncio.to_thread(server.start)
        later = pairs(1)
        async with asyncio.timeout(20):
            while await redis.get_many(list(later)) == [None]:
                redis.put_many(later, 60)
                await asyncio.sleep(0.005)

        assert await redis.get_many(list(items)) == [None] * 3
        assert await cache.get_many(list(items)) == list(items.values())


async def test_starting_and_closing_reach_both(server):
    async with redis_cache(server.url) as redis:
        cache = LayeredCache(MemoryCache(2**20), redis, ttl=60)
        await cache.close()
        assert not cache.figures()["up"]
        await cache.start()
        await cache.close()
