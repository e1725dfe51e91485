"""Clearing, for all who share a server."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from proxy.cache.redis import RedisCache
from proxy.cache.redis_token import is_token
from tests.cache.opened import PATIENT, redis_cache, until, until_found, until_gone

pytestmark = pytest.mark.store


def pairs(count):
    return {os.urandom(32): os.urandom(4) for _ in range(count)}


async def test_all_replicas_are_told_once_of_a_clear(server):
    told = {"one": 0, "other": 0}

    def tell(name):
        told[name] += 1

    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        one.when_cleared(lambda: tell("one"))
        other.when_cleared(lambda: tell("other"))
        await one.clear()
        await until(lambda: told["other"])
        for _ in range(3):
            await one.get_many([os.urandom(32)])

    assert told == {"one": 1, "other": 1}


async def test_an_emptied_server_is_given_the_generation_that_was_known(server):
    told = []
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        one.when_cleared(lambda: told.append("one"))
        other.when_cleared(lambda: told.append("other"))
        value = server.tell("GET", "midrank:generation")
        server.tell("FLUSHALL")
        await until(lambda: server.tell("GET", "midrank:generation") is not None)
        assert server.tell("GET", "midrank:generation") == value
        items = pairs(3)
        one.put_many(items, 60)
        await until_found(other, list(items))

    assert told == []


async def test_clearing_while_the_server_is_away_is_made_up_for(server):
    items = pairs(3)
    told = []
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        other.when_cleared(lambda: told.append(True))
        one.put_many(items, 60)
        await until_found(other, list(items))
        # Both lose it; the data stay, as a server is only paused.
        server.pause()
        await until(lambda: not one.figures()["up"])
        await one.clear()
        assert await one.get_many(list(items)) == [None] * 3
        server.go_on()

        await until(lambda: told)
        await until_gone(other, list(items))
        await until(lambda: one.figures()["up"])
        assert await one.get_many(list(items)) == [None] * 3


async def test_a_server_that_is_always_late_is_not_used(server, caplog):
    cache = RedisCache(replace(PATIENT, url=server.url, timeout=0.0))
    await cache.start()
    await until(lambda: cache.figures()["errors_timeout"] > 1)

    assert not cache.figures()["up"]
    assert [record.message for record in caplog.records] == ["redis left alone"]
    await cache.close()


@pytest.mark.parametrize("foreign", [b"", b"text", b"\0 {} \xff", b"0" * 27, b"f" * 28, b"0" * 10_000_000])
async def test_what_is_no_generation_is_replaced_by_the_one_that_was_known(server, foreign):
    told = []
    items = pairs(3)
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        other.when_cleared(lambda: told.append("other"))
        value = server.tell("GET", "midrank:generation")
        one.put_many(items, 60)
        await until_found(one, list(items))
        server.tell("SET", "midrank:generation", foreign)
        await until(lambda: server.tell("GETRANGE", "midrank:generation", 0, 99) == value)
        assert await other.get_many(list(items)) == list(items.values())
        assert one.figures()["up"]

    assert told == []


async def test_what_is_no_generation_is_replaced_by_who_knows_none(server):
    server.tell("SET", "midrank:generation", "text")
    async with redis_cache(server.url) as cache:
        assert is_token(server.tell("GET", "midrank:generation"))
        items = pairs(3)
        cache.put_many(items, 60)
        assert await until_found(cache, list(items)) == list(items.values())


async def test_a_failover_to_older_data_does_not_undo_a_clear(server):
    items = pairs(3)
    async with redis_cache(server.url) as cache:
        before = server.tell("GET", "midrank:generation")
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        await cache.clear()
        after = server.tell("GET", "midrank:generation")
        server.tell("SET", "midrank:generation", before)
        await until(lambda: server.tell("GET", "midrank:generation") == after)

        assert await cache.get_many(list(items)) == [None] * 3


async def test_clearing_holds_against_a_clock_that_was_ahead(server):
    server.tell("SET", "midrank:generation", "0f" + "0" * 26)  # of the year 2492
    items = pairs(3)
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        one.put_many(items, 60)
        await until_found(other, list(items))
        assert await one.clear()
        await until_gone(other, list(items))
        assert await one.get_many(list(items)) == [None] * 3


async def test_of_two_clears_at_once_one_holds_for_all(server):
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        await asyncio.gather(one.clear(), other.clear())
        items = pairs(3)
        async with asyncio.timeout(20):
            while None in await other.get_many(list(items)):
                one.put_many(items, 60)
                await asyncio.sleep(0.01)


async def test_a_server_that_comes_and_goes_is_not_told_of_each_time(server, caplog):
    caplog.set_level("INFO")
    async with redis_cache(server.url) as cache:
        for _ in range(5):
            cache._link.breaker.trip()
            await until(lambda: cache.figures()["up"])

    assert [record.message for record in caplog.records if record.name.startswith("proxy")] == [
        "redis in use",
        "redis left alone",
    ]


async def test_a_generation_of_another_type_is_an_error_until_it_is_gone(server):
    async with redis_cache(server.url) as cache:
        server.tell("DEL", "midrank:generation")
        server.tell("LPUSH", "midrank:generation", "one")
        await until(lambda: cache.figures()["errors_other"])
        assert not cache.figures()["up"]
        server.tell("DEL", "midrank:generation")
        await until(lambda: cache.figures()["up"])


async def test_a_full_server_that_has_a_generation_is_used(server):
    async with redis_cache(server.url) as one:
        items = pairs(3)
        one.put_many(items, 60)
        await until_found(one, list(items))
        server.tell("CONFIG", "SET", "maxmemory", "1")
        async with redis_cache(server.url) as other:
            assert await until_found(other, list(items)) == list(items.values())
