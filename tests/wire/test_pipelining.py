"""Requests sent ahead of their answers are answered in order, one at a time."""

import asyncio

from tests.fakes.raw_http import RawStore, connected, read_message


async def test_pipelined_requests_are_answered_in_order(front):
    async def echo(reader, writer):
        while True:
            target = (await read_message(reader)).target
            await asyncio.sleep(0.02 if target == b"/1" else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + target)

    async with RawStore(echo) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(1, 6)))
            assert [(await client.answer()).body for _ in range(5)] == [b"/1", b"/2", b"/3", b"/4", b"/5"]


async def test_a_body_ends_where_the_next_request_begins(wired):
    async with wired() as (client, store):
        client.send(
            b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
            b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        for _ in range(3):
            assert (await client.answer()).status == 200
        assert [request.target for request in store.requests] == [b"/1", b"/2", b"/3"]
        assert [request.body for request in store.requests] == [b"abc", b"de", b""]


async def test_a_refused_request_ends_the_pipeline(wired):
    async with wired() as (client, store):
        client.send(
            b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
            b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: x-tenant\r\n\r\n"
            b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
        assert [request.target for request in store.requests] == [b"/1"]
