"""Clearing, for all who share a server."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from proxy.cache.redis import RedisCache
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


async def test_whatever_stands_there_is_a_generation(server):
    items = pairs(3)
    async with redis_cache(server.url) as one, redis_cache(server.url) as other:
        server.tell("SET", "midrank:generation", b"\0 {} \xff" * 100)
        await asyncio.sleep(0.05)
        one.put_many(items, 60)
        await until_found(one, list(items))
        await until_found(other, list(items))


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
