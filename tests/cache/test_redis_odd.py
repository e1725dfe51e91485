"""Servers that answer, and not as a Redis would: nothing of it is believed, and nothing of ours stops."""

from __future__ import annotations

import asyncio

import pytest

from proxy.cache.redis import RedisCache
from proxy.cache.redis_settings import RedisSettings
from tests.cache.opened import errors, pairs, redis_cache, until
from tests.fakes.odd_redis import nonsense_server, odd_server

pytestmark = pytest.mark.store


@pytest.mark.parametrize(
    "reply",
    [
        b":5\r\n",
        b"*-1\r\n",
        b"$3\r\nabc\r\n",
        b"*1\r\n:5\r\n",
        b"*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\nm\r\n",
        b"*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n",
        b"*1\r\n*2\r\n$3\r\nabc\r\n*2\r\n$1\r\nm\r\n$1\r\nx\r\n",
        b"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nm\r\n:5\r\n",
        b"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n*0\r\n$1\r\nm\r\n",
    ],
)
async def test_a_stream_of_nonsense_is_garbage_and_the_rest_goes_on(reply):
    with odd_server({b"XRANGE": reply, b"XREVRANGE": reply}) as url:
        async with redis_cache(url, hear=lambda message: None) as cache:
            await until(lambda: errors(cache).get("garbage", 0) > 2)  # it is read again and again
            assert cache.figures()["up"]


@pytest.mark.parametrize("command", [b"PTTL", b"SET", b"UNLINK", b"XADD", b"EXPIRE"])
@pytest.mark.parametrize("reply", [b":5\r\n", b"*-1\r\n", b"$3\r\nabc\r\n", b"*0\r\n"])
async def test_an_odd_reply_to_what_is_written_stops_nothing(command, reply):
    names = {"redis-feed", "redis-generation", "redis-write"}
    with odd_server({command: reply}) as url:
        async with redis_cache(url, hear=lambda message: None) as cache:
            cache.feed.publish(b"hello")
            await cache.clear()
            cache.put_many(pairs(3), 60)
            await until(lambda: cache.figures()["waiting_bytes"] == 0)
            await asyncio.sleep(0.05)
            assert names <= {task.get_name() for task in asyncio.all_tasks()}


@pytest.mark.parametrize("reply", [b":5\r\n", b"*-1\r\n", b"*1\r\n$1\r\na\r\n", b"$-1\r\n", b"$1\r\n?\r\n"])
async def test_a_generation_of_nonsense_is_garbage(reply):
    with odd_server({b"GETRANGE": reply}) as url:
        cache = RedisCache(RedisSettings(url, timeout=1))
        await cache.start()
        await until(lambda: errors(cache).get("garbage", 0) > 1)
        assert not cache.figures()["up"]
        await cache.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 2000,
        b"+OK\r\n" * 20,
        b"-LOADING Redis is loading the dataset in memory\r\n" * 8,
        b"-MOVED 1 127.0.0.1:1\r\n" * 8,
        b"-NOAUTH Authentication required.\r\n" * 8,
        b"*2\r\n$3\r\nabc\r\n:7\r\n" * 8,
        b"*-1\r\n" * 8,
        b"$99999999999\r\n",
        b"*1\r\n" * 5000,
        b"$4\r\nfour\r\n" * 50,
        b"",
    ],
    ids=lambda answer: answer[:12].decode(errors="replace").strip(),
)
async def test_a_server_that_talks_nonsense_is_never_believed(answer):
    with nonsense_server(answer) as url:
        cache = RedisCache(RedisSettings(url, timeout=0.02, sync_seconds=0.01))
        await cache.start()
        if answer:
            await until(lambda: errors(cache) or cache.figures()["up"])
        for _ in range(20):
            cache.put_many(pairs(3), 60)
            assert await cache.get_many(list(pairs(3))) == [None] * 3
        await cache.close()
