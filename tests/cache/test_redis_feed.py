"""Messages between replicas."""

from __future__ import annotations

import asyncio

import pytest

from tests.cache.opened import redis_cache, until

pytestmark = pytest.mark.store


async def test_others_hear_what_is_published_and_one_does_not_hear_oneself(server):
    one_heard, other_heard = [], []
    async with (
        redis_cache(server.url, hear=one_heard.append) as one,
        redis_cache(server.url, hear=other_heard.append) as other,
    ):
        one.feed.publish(b"from one")
        other.feed.publish(b"from other")
        await until(lambda: one_heard and other_heard)

    assert (one_heard, other_heard) == ([b"from other"], [b"from one"])


async def test_who_comes_later_hears_all_that_is_left_in_its_order(server):
    messages = [b"message %d" % number for number in range(350)]
    heard = []
    async with redis_cache(server.url) as one:
        for message in messages:
            one.feed.publish(message)
        async with redis_cache(server.url, hear=heard.append):
            await until(lambda: len(heard) >= 350)

    assert heard == messages


async def test_the_stream_is_bounded_and_ends_by_itself(server):
    async with redis_cache(server.url, feed_length=100, feed_seconds=899.5) as cache:
        for number in range(2000):
            cache.feed.publish(b"message %d" % number)
        await until(lambda: cache.figures()["waiting_bytes"] == 0)
        (stream,) = server.tell("KEYS", "*:near")

        await until(lambda: server.tell("XLEN", stream) <= 300)
        assert 0 < server.tell("TTL", stream) <= 900


async def test_a_message_that_is_too_old_goes_and_younger_ones_stay(server):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append):
        one.feed.publish(b"too old")
        await until(lambda: heard)
        (stream,) = server.tell("KEYS", "*:near")
        ((_, fields),) = server.tell("XRANGE", stream, "-", "+")
        seconds, _ = server.tell("TIME")
        server.tell("DEL", stream)
        for age in (3610, 3590):
            server.tell("XADD", stream, f"{(seconds - age) * 1000}-0", "m", fields[b"m"])
        one.feed.publish(b"new")
        await until(
            lambda: server.tell("XRANGE", stream, "-", "+")[0][0] == b"%d-0" % ((seconds - 3590) * 1000)
        )
        assert server.tell("XLEN", stream) == 2


async def test_a_stream_never_stays_without_an_end(server):
    async with redis_cache(server.url, hear=lambda message: None) as cache:
        cache.feed.publish(b"hello")
        await until(lambda: server.tell("KEYS", "*:near"))
        (stream,) = server.tell("KEYS", "*:near")
        server.tell("PERSIST", stream)  # as if the connection had ended between XADD and EXPIRE
        await until(lambda: server.tell("TTL", stream) > 0)


async def test_what_is_cleared_is_deleted(server):
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=lambda message: None):
        one.feed.publish(b"hello")
        await until(lambda: server.tell("KEYS", "*:near"))
        await one.clear()
        await until(lambda: not server.tell("KEYS", "*:near"))


async def test_what_is_cleared_while_the_server_is_away_is_deleted_when_it_is_back(server):
    async with redis_cache(server.url) as cache:
        cache.feed.publish(b"hello")
        await until(lambda: server.tell("KEYS", "*:near"))
        server.pause()
        await until(lambda: not cache.figures()["up"])
        await cache.clear()
        server.go_on()
        await until(lambda: not server.tell("KEYS", "*:near"))


async def test_reading_goes_on_where_it_was_when_a_connection_breaks(server):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append) as other:
        for number in range(5):
            message = b"message %d" % number
            async with asyncio.timeout(20):
                while message not in heard:
                    one.feed.publish(message)  # it may be lost with the connection
                    await asyncio.sleep(0.02)
            server.tell("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: other.figures()["up"])

    assert sorted(set(heard)) == [b"message %d" % number for number in range(5)]
    assert heard == sorted(heard)


@pytest.mark.parametrize("loss", ["FLUSHALL", "restart"])
async def test_a_stream_that_was_lost_begins_anew(server, loss):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append) as other:
        one.feed.publish(b"before")
        await until(lambda: heard)
        if loss == "restart":
            server.kill()
            await until(lambda: not (one.figures()["up"] or other.figures()["up"]))
            await asyncio.to_thread(server.start)
            await until(lambda: one.figures()["up"] and other.figures()["up"])
        else:
            server.tell("FLUSHALL")
        one.feed.publish(b"after")
        await until(lambda: len(heard) > 1)

    assert heard == [b"before", b"after"]


async def test_a_stream_with_earlier_numbers_is_read_from_its_start(server):
    """As after a failover to a server whose clock is behind."""
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append):
        one.feed.publish(b"first")
        await until(lambda: heard)
        (stream,) = server.tell("KEYS", "*:near")
        ((_, fields),) = server.tell("XRANGE", stream, "-", "+")
        server.tell("DEL", stream)
        for number in range(3):
            server.tell("XADD", stream, f"{number + 1}-0", "m", fields[b"m"])
        await until(lambda: len(heard) == 4)

    assert heard == [b"first"] * 4


async def test_what_others_write_into_the_stream_is_garbage(server):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append) as other:
        one.feed.publish(b"genuine")
        await until(lambda: heard)
        (stream,) = server.tell("KEYS", "*:near")
        server.tell("XADD", stream, "*", "m", "forged")
        server.tell("XADD", stream, "*", "other", "field")
        await until(lambda: other.figures()["errors_garbage"] >= 2)

    assert heard == [b"genuine"]


async def test_a_stream_of_another_type_is_an_error_and_no_end(server):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append) as other:
        one.feed.publish(b"before")
        await until(lambda: heard)
        (stream,) = server.tell("KEYS", "*:near")
        server.tell("DEL", stream)
        server.tell("SET", stream, "text")
        await until(lambda: other.figures()["errors_other"])
        server.tell("DEL", stream)
        one.feed.publish(b"after")
        await until(lambda: len(heard) > 1)

    assert heard == [b"before", b"after"]


async def test_another_generation_has_another_stream(server):
    heard = []
    async with redis_cache(server.url) as one, redis_cache(server.url, hear=heard.append) as other:
        one.feed.publish(b"before")
        await until(lambda: heard)
        cleared = []
        other.when_cleared(lambda: cleared.append(True))
        await one.clear()
        await until(lambda: cleared)
        one.feed.publish(b"after")
        await until(lambda: len(heard) > 1)

    assert heard == [b"before", b"after"]
