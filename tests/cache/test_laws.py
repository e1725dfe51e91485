"""What holds for every cache, whatever it keeps things in."""

from __future__ import annotations

import asyncio
import os

import pytest

from proxy.cache.base import SHARED
from proxy.cache.layered import LayeredCache
from proxy.cache.memory import MemoryCache
from tests.cache.opened import redis_cache, until_found, until_gone

pytestmark = pytest.mark.store


@pytest.fixture(params=["memory", "redis", "layered"])
async def cache(request):
    if request.param == "memory":
        yield MemoryCache(2**24)
        return
    url = request.getfixturevalue("shared_server").url
    async with redis_cache(url, prefix=os.urandom(4).hex()) as redis:
        yield redis if request.param == "redis" else LayeredCache(MemoryCache(2**24), redis, ttl=0.1)


def pairs(count, query=None, value=None):
    """Return keys of one query with values of their own."""
    query = query or os.urandom(SHARED)
    return {query + os.urandom(16): value or os.urandom(4) for _ in range(count)}


async def test_what_was_put_is_found_in_the_order_asked_for(cache):
    items = pairs(20) | pairs(20)
    cache.put_many(items, 60)
    await until_found(cache, list(items))
    unknown = os.urandom(32)
    keys = [unknown, *reversed(items), unknown, next(iter(items))]

    assert await cache.get_many(keys) == [items.get(key) for key in keys]


async def test_nothing_is_known_at_first_and_nothing_of_nothing(cache):
    assert await cache.get_many(list(pairs(3))) == [None] * 3
    assert await cache.get_many([]) == []
    cache.put_many({}, 60)


async def test_what_was_put_last_holds(cache):
    items = pairs(3)
    newer = dict.fromkeys(items, b"newer")
    cache.put_many(items, 60)
    await until_found(cache, list(items))
    cache.put_many(newer, 60)
    last = pairs(1)
    cache.put_many(last, 60)
    await until_found(cache, list(last))

    assert await cache.get_many(list(items)) == list(newer.values())


async def test_values_are_any_bytes_of_any_length(cache):
    query = os.urandom(SHARED)
    items = {query + bytes([n]) * 16: os.urandom(n * n) for n in range(40)}
    items |= {query: b"no more than shared", query + b"longer than others" * 9: b"\0\xff{}\r\n"}
    cache.put_many(items, 60)

    assert await until_found(cache, list(items)) == list(items.values())


async def test_nothing_is_kept_for_no_time(cache):
    items = pairs(3)
    cache.put_many(items, 0)
    cache.put_many(items, -1)
    later = pairs(1)
    cache.put_many(later, 60)
    await until_found(cache, list(later))

    assert await cache.get_many(list(items)) == [None] * 3


async def test_a_value_ends_after_its_time(cache):
    items, lasting = pairs(3), pairs(1)
    cache.put_many(items, 0.15)
    cache.put_many(lasting, 1e12)
    await until_gone(cache, list(items))

    assert await until_found(cache, list(lasting)) == list(lasting.values())


async def test_clearing_forgets_all_and_what_comes_after_is_kept(cache):
    before, after = pairs(5), pairs(5)
    cache.put_many(before, 60)
    await until_found(cache, list(before))

    await cache.clear()

    assert await cache.get_many(list(before)) == [None] * 5
    cache.put_many(after, 60)
    assert await until_found(cache, list(after)) == list(after.values())
    assert await cache.get_many(list(before)) == [None] * 5


async def test_hits_and_misses_are_counted_by_key(cache):
    items = pairs(2)
    cache.put_many(items, 60)
    await until_found(cache, list(items))
    before = cache.figures()
    await cache.get_many([*items, os.urandom(32)])
    after = cache.figures()

    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (2, 1)


async def test_many_at_once_each_get_their_own(cache):
    queries = [pairs(10) for _ in range(100)]
    for items in queries:
        cache.put_many(items, 60)
    for items in queries:
        await until_found(cache, list(items))
    answers = await asyncio.gather(*(cache.get_many(list(items)) for items in queries))

    assert answers == [list(items.values()) for items in queries]


async def test_a_closed_cache_knows_nothing_new_and_fails_nobody(cache):
    await cache.close()
    cache.put_many(pairs(3), 60)

    assert len(await cache.get_many(list(pairs(3)))) == 3
    await cache.clear()
    await cache.close()
