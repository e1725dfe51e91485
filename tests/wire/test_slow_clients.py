"""A client that stops in the middle of a request is let go; the framework alone would hold it for ever."""

import asyncio

import pytest

from proxy.listeners.http_connection import HttpLimits
from tests.fakes.raw_http import RawStore, connected

BRIEF = 0.1
IMPATIENT = HttpLimits(head_timeout=BRIEF, body_timeout=BRIEF)


async def test_half_a_head_is_refused_in_time(wired):
    async with wired(limits=IMPATIENT) as (client, store):
        client.send(b"GET /x HTTP/1.1\r\nHost:")
        answer = await client.answer()
        assert answer.status == 408
        assert answer.all(b"x-midrank-error") == [b"request_timeout"]
        assert await client.rest() == b""
        assert not store.requests


async def test_a_connection_that_is_never_used_is_closed_without_a_word(wired):
    async with wired(limits=HttpLimits(head_timeout=BRIEF, idle_timeout=2 * BRIEF)) as (client, store):
        assert await client.rest() == b""
        assert not store.requests


async def test_half_a_second_head_is_refused_in_time(wired):
    async with wired(limits=IMPATIENT) as (client, store):
        assert (await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
        assert (await client.ask(b"GET /x HTTP/1.1\r\nHost:")).status == 408
        assert await client.rest() == b""
        assert len(store.requests) == 1


async def test_trickling_a_head_does_not_buy_time(wired):
    async with wired(limits=IMPATIENT) as (client, _), asyncio.TaskGroup() as group:
        trickle = group.create_task(_trickle(client, b"GET /x HTTP/1.1\r\nX: " + b"a" * 10_000))
        assert (await client.answer()).status == 408
        trickle.cancel()


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n", b"Content-Length: 1000000\r\n", b"Transfer-Encoding: chunked\r\n"]
)
async def test_half_a_body_is_refused_in_time(wired, head):
    async with wired(limits=IMPATIENT) as (client, store):
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n3\r\nab")
        assert (await client.answer()).status == 408
        assert await client.rest() == b""
        assert not store.requests


async def test_a_body_that_keeps_coming_has_all_the_time_it_needs(wired):
    async with wired(limits=HttpLimits(head_timeout=BRIEF, body_timeout=5 * BRIEF)) as (client, store):
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
        await _trickle(client, b"a" * 12, pause=BRIEF / 2)
        assert (await client.answer()).status == 200
        assert store.requests[0].body == b"a" * 12


async def test_time_spent_by_the_store_is_not_the_clients(wired):
    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(3 * BRIEF)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with wired(slow, limits=IMPATIENT) as (client, _):
        assert (await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200


async def test_an_idle_connection_is_closed_after_its_own_time(wired):
    async with wired(limits=HttpLimits(head_timeout=10, body_timeout=10, idle_timeout=BRIEF)) as (client, _):
        assert (await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
        assert await client.rest() == b""


async def test_a_stalled_upload_ends_the_request_to_the_store_too(front):
    gone = asyncio.Event()

    async def watch(reader, writer):
        await reader.read(-1)
        gone.set()

    async with RawStore(watch) as store:
        listener = await front(store.url, limits=IMPATIENT)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nab")
            await gone.wait()


async def test_connections_beyond_the_limit_are_refused_at_once(front):
    async with RawStore() as store:
        listener = await front(store.url, limits=HttpLimits(connections=1))
        async with connected(listener.address) as first, connected(listener.address) as second:
            answer = await second.answer()
            assert answer.status == 503
            assert answer.all(b"x-midrank-error") == [b"too_many_connections"]
            assert await second.rest() == b""
            assert (await first.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200


async def test_a_closed_connection_makes_room(front):
    async with RawStore() as store:
        listener = await front(store.url, limits=HttpLimits(connections=1))
        for _ in range(3):
            async with connected(listener.address) as client:
                answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert answer.status == 200
                await client.rest()


async def _trickle(client, data, pause=BRIEF / 50):
    for position in range(len(data)):
        client.send(data[position : position + 1])
        await asyncio.sleep(pause)
