"""Nobody waits for an answer that nobody wants: a client that leaves cancels what is done for it."""

import asyncio

import pytest

from tests.fakes.exchanges import ClaimPosts
from tests.fakes.raw_http import RawStore, connected, read_message


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"])
async def test_the_request_to_the_store_is_cancelled(front, begin):
    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await read_message(reader)
        writer.write(begin)
        asked.set()
        await reader.read(-1)
        gone.set()

    async with RawStore(serve) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            await asked.wait()
        await gone.wait()


async def test_an_upload_that_is_given_up_is_not_completed(front):
    body = b""
    gone = asyncio.Event()
    begun = asyncio.Event()

    async def serve(reader, writer):
        nonlocal body
        while piece := await reader.read(1000):
            body += piece
            begun.set()
        gone.set()

    async with RawStore(serve) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await begun.wait()
        await gone.wait()
    assert not body.endswith(b"0\r\n\r\n")


async def test_the_exchange_is_cancelled(front):
    running, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(request):
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with RawStore() as store:
        listener = await front(store.url, exchange=ClaimPosts(hang))
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            await running.wait()
        await cancelled.wait()
