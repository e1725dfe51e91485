"""Passing writes are shown to the exchange once the store has taken them: whole, plain, of bounded size."""

import asyncio

import pytest

from proxy.listeners.http_connection import HttpLimits
from tests.fakes.exchanges import PassAll
from tests.fakes.raw_http import RawStore, connected, read_message

WRITES = frozenset({"/rows"})
LARGE = b"x" * 200_000


def put(body: bytes, *headers: bytes, target: bytes = b"/rows") -> bytes:
    lines = [b"PUT " + target + b" HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    head = b"PUT /rows HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "body"),
    [(put(b"abc"), b"abc"), (put(b""), None), (put(LARGE), LARGE), (chunked(b"ab", LARGE), b"ab" + LARGE)],
    ids=["small", "empty", "streamed", "chunked"],
)
@pytest.mark.parametrize("status", [b"200 OK", b"201 Created"])
async def test_a_write_that_the_store_has_taken_is_seen(wired, request_bytes, body, status):
    exchange = PassAll(writing=WRITES)
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok"
    async with wired(answer, exchange=exchange) as (client, store):
        assert (await client.ask(request_bytes)).body == b"ok"
        assert [one.body for one in exchange.seen] == ([] if body is None else [body])
        assert store.requests[0].body == (body or b"")
    for one in exchange.seen:
        assert (one.method, one.target, one.headers["Host"]) == ("PUT", "/rows", "a")


@pytest.mark.parametrize("answer", [b"400 Bad Request", b"500 No", b"302 Found"])
async def test_a_write_that_the_store_has_not_taken_is_not_seen(wired, answer):
    exchange = PassAll(writing=WRITES)
    async with wired(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n", exchange=exchange) as (
        client,
        _,
    ):
        await client.ask(put(b"abc"))
        assert exchange.seen == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        put(b"\x1f\x8b", b"Content-Encoding: gzip"),
        put(b"x" * 101),
        chunked(b"x" * 60, b"x" * 60),
        put(b"abc", target=b"/others"),
    ],
    ids=["encoded", "too large", "too large in chunks", "another target"],
)
async def test_other_writes_pass_unseen(wired, request_bytes):
    exchange = PassAll(writing=WRITES)
    async with wired(exchange=exchange, limits=HttpLimits(written_body=100)) as (client, store):
        assert (await client.ask(request_bytes)).body == b"ok"
        assert exchange.seen == []
        assert request_bytes.endswith(store.requests[0].body) or b"chunked" in request_bytes


async def test_of_many_writes_at_once_only_some_are_copied(front):
    """The others pass as well as ever; and when the first are through, there is room for the next."""
    arrived, go_on = asyncio.Queue(), asyncio.Event()

    async def slow(reader, writer):
        while await read_message(reader):
            arrived.put_nowait(None)
            await go_on.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    exchange = PassAll(writing=WRITES)
    async with RawStore(slow) as store:
        listener = await front(store.url, exchange=exchange, limits=HttpLimits(written_at_once=2))
        async with (
            connected(listener.address) as a,
            connected(listener.address) as b,
            connected(listener.address) as c,
        ):
            clients = [a, b, c]
            for client in clients:
                client.send(put(b"abc"))
                await arrived.get()
            go_on.set()
            answers = [await client.answer() for client in clients]
            assert [one.body for one in answers] == [b"ok"] * 3
            assert len(exchange.seen) == 2
            await c.ask(put(b"again"))
            assert exchange.seen[-1].body == b"again"
