"""Framing is read strictly and written anew; a body that another parser could read differently is refused."""

import asyncio

import pytest

from proxy.listeners.http_connection import HttpLimits
from tests.fakes.raw_http import RawStore, connected


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: a\n\n",
        b"G@T /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_doubtful_requests_are_refused_and_the_connection_closed(wired, request_bytes):
    async with wired() as (client, store):
        answer = await client.ask(request_bytes)
        assert answer.status == 400
        assert answer.all(b"Content-Type") == [b"application/json"]
        assert answer.body.startswith(b'{"error":"bad_request"')
        assert b"server" not in answer.names()
        assert await client.rest() == b""
        assert not store.requests


async def test_codings_that_would_be_lost_are_refused(wired):
    """The parser takes `gzip, chunked`; the body would be forwarded without its name."""
    async with wired() as (client, store):
        answer = await client.ask(
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert answer.status == 501
        assert not store.requests


async def test_a_body_that_breaks_midway_ends_both_connections(front):
    begun, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"abc\r\n")
        begun.set()
        assert await reader.read() == b""
        gone.set()

    async with RawStore(serve) as store:
        listener = await front(store.url, limits=HttpLimits(body_timeout=0.05))
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await begun.wait()
            client.send(b"zz\r\n")
            assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
            await gone.wait()


async def test_chunk_extensions_and_trailers_end_here(wired):
    async with wired() as (client, store):
        answer = await client.ask(
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            b"3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
        )
        assert answer.status == 200
        assert store.requests[0].body == b"abc"
        assert store.requests[0].all(b"Transfer-Encoding") == [b"chunked"]
