"""What is wrong with the store is said in words, as 502 or 504; an answer that is cut off stays cut off."""

import asyncio

import pytest

from tests.fakes.raw_http import RawStore, connected
from tests.fakes.servers import nobody_listening

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"\x00\x01garbage\r\n\r\n", b"upstream_junk"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", b"upstream_junk"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"upstream_junk",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"upstream_junk"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n", b"upstream_junk"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\rb\r\n\r\n", b"upstream_junk"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"upstream_unreachable"),
        (b"", b"upstream_unreachable"),
    ],
)
async def test_no_readable_answer_is_a_502(wired, raw, error):
    async with wired(store=RawStore(raw, close_after_answer=True)) as (client, _):
        answer = await client.ask(GET)
        assert answer.status == 502
        assert answer.all(b"x-midrank-error") == [error]
        assert answer.all(b"Content-Type") == [b"application/json"]
        assert answer.body.startswith(b'{"error":"' + error + b'","message":"')
        assert (await client.ask(GET)).status == 502  # the client's own connection goes on


async def test_a_reset_is_a_502(wired):
    async def reset(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with wired(reset) as (client, _):
        assert (await client.ask(GET)).all(b"x-midrank-error") == [b"upstream_unreachable"]


async def test_a_store_that_is_down_is_a_502(front):
    with nobody_listening() as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            answer = await client.ask(GET)
        assert answer.status == 502
        assert answer.body == b'{"error":"upstream_unreachable","message":"no connection to the store"}'


async def test_a_silent_store_is_a_504(wired):
    async def silent(reader, writer):
        await reader.read(-1)

    async with wired(silent, silence_timeout=0.05) as (client, _):
        answer = await client.ask(GET)
        assert answer.status == 504
        assert answer.all(b"x-midrank-error") == [b"upstream_timeout"]


async def test_the_answer_to_a_head_request_has_no_body_in_failure_either(front):
    with nobody_listening() as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await client.answer(bodiless=True)).status == 502
            assert (await client.ask(GET)).status == 502


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
async def test_a_cut_answer_is_never_completed(front, raw):
    """The app has to see that something is missing: no last chunk, no padding, the connection just ends."""
    cut = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await cut.wait()

    async with RawStore(serve) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(GET)
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
            cut.set()
            assert not (await client.rest()).endswith(b"0\r\n\r\n")


async def test_silence_in_the_middle_of_an_answer_ends_it(wired):
    async def stall(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        await reader.read(-1)

    async with wired(stall, silence_timeout=0.05) as (client, _):
        client.send(GET)
        assert (await client.rest()).endswith(b"\r\n\r\nshort")


async def test_a_body_that_ends_with_the_connection_is_whole(wired):
    raw = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"
    async with wired(store=RawStore(raw, close_after_answer=True)) as (client, _):
        for _ in range(2):
            assert (await client.ask(GET)).body == b"until the end"
