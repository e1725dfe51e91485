"""What the exchange claims is read whole and answered by it; what it hands back is forwarded as it came."""

import asyncio

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import UPSTREAM_TIMEOUT, Unanswerable
from proxy.listeners.http_connection import HttpLimits
from proxy.model import Forward, WireResponse
from tests.fakes.exchanges import ClaimPosts
from tests.fakes.raw_http import RawStore, connected

POST = b"POST /q?a=%20 HTTP/1.1\r\nHost: a\r\nX-Midrank-Query: caf%C3%A9\r\nContent-Length: 3\r\n\r\nabc"


def answers(status, headers, body):
    async def answer(request):
        return WireResponse(status, CIMultiDictProxy(CIMultiDict(headers)), body)

    return ClaimPosts(answer)


async def forwarding(request):
    return Forward((("x-midrank", "passed"), ("x-midrank-reason", "mode_off")))


async def test_the_exchange_sees_the_whole_request(wired):
    exchange = answers(200, [], b"")
    async with wired(exchange=exchange) as (client, store):
        await client.ask(POST)
        (request,) = exchange.ran
        assert (request.method, request.target, request.body) == ("POST", "/q?a=%20", b"abc")
        assert request.headers["x-midrank-query"] == "caf%C3%A9"
        assert not store.requests


async def test_the_exchanges_answer_is_written_as_it_is(wired):
    exchange = answers(200, [("ETag", '"x"'), ("X", "1"), ("X", "2"), ("L", "\udce9")], b"[]")
    async with wired(exchange=exchange) as (client, _):
        for _ in range(2):
            answer = await client.ask(POST)
            assert answer.start == b"HTTP/1.1 200 OK"
            assert answer.headers == (
                (b"ETag", b'"x"'),
                (b"X", b"1"),
                (b"X", b"2"),
                (b"L", b"\xe9"),
                (b"Content-Length", b"2"),
            )
            assert answer.body == b"[]"


async def test_what_it_hands_back_is_forwarded_as_it_came(wired):
    raw = b'HTTP/1.1 418 Teapot\r\nETag: "x"\r\nContent-Length: 2\r\n\r\nno'
    async with wired(raw, exchange=ClaimPosts(forwarding)) as (client, store):
        answer = await client.ask(POST)
        assert answer.start == b"HTTP/1.1 418 Teapot"
        assert answer.all(b"x-midrank") == [b"passed"]
        assert answer.all(b"x-midrank-reason") == [b"mode_off"]
        assert answer.body == b"no"
        assert store.requests[0].target == b"/q?a=%20"
        assert store.requests[0].body == b"abc"
        assert store.requests[0].names() == {b"host", b"content-length"}


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 200000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n"]
)
async def test_a_search_too_large_to_hold_is_streamed_through(wired, framing):
    exchange = ClaimPosts(forwarding)
    body = bytes(range(250)) * 800
    end = b"\r\n0\r\n\r\n" if b"chunked" in framing else b""
    async with wired(exchange=exchange, limits=HttpLimits(search_body=100_000)) as (client, store):
        answer = await client.ask(b"POST /q HTTP/1.1\r\nHost: a\r\n" + framing + body + end)
        assert answer.status == 200
        assert answer.all(b"x-midrank-reason") == [b"too_large"]
        assert store.requests[0].body == body
        assert not exchange.ran


async def test_a_compressed_search_is_streamed_through(wired):
    exchange = ClaimPosts(forwarding)
    async with wired(exchange=exchange) as (client, store):
        answer = await client.ask(
            b"POST /q HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert answer.all(b"x-midrank") == [b"passed"]
        assert answer.all(b"x-midrank-reason") == [b"undecodable_request"]
        assert store.requests[0].body == b"abc"
        assert not exchange.ran


async def test_failures_of_the_exchange_are_told(wired):
    async def fail(request):
        raise Unanswerable(UPSTREAM_TIMEOUT, "the store did not answer in time")

    async with wired(exchange=ClaimPosts(fail)) as (client, _):
        for _ in range(2):
            answer = await client.ask(POST)
            assert answer.status == 504
            assert answer.all(b"x-midrank-error") == [b"upstream_timeout"]


async def test_a_mistake_of_ours_is_a_500_without_details(wired, caplog):
    async def wrong(request):
        raise LookupError("secret")

    async with wired(exchange=ClaimPosts(wrong)) as (client, _):
        answer = await client.ask(POST)
        assert answer.status == 500
        assert answer.body == b'{"error":"internal_error","message":"midrank failed on this request"}'
        assert "request failed" in caplog.messages


async def test_other_requests_do_not_wait_for_a_search(front):
    async def hang(request):
        await asyncio.Event().wait()

    async with RawStore() as store:
        listener = await front(store.url, exchange=ClaimPosts(hang))
        async with connected(listener.address) as searching, connected(listener.address) as other:
            searching.send(POST)
            assert (await other.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200


async def test_of_many_searches_at_once_only_some_are_held(front):
    """The others pass unread; and when the first are through, there is room for the next."""
    begun, go_on = asyncio.Queue(), asyncio.Event()

    async def slow(request):
        begun.put_nowait(None)
        await go_on.wait()
        return WireResponse(200, CIMultiDictProxy(CIMultiDict()), b"run")

    exchange = ClaimPosts(slow)
    async with RawStore() as store:
        listener = await front(store.url, exchange=exchange, limits=HttpLimits(searches=1))
        async with connected(listener.address) as first, connected(listener.address) as second:
            first.send(POST)
            await begun.get()
            passed = await second.ask(POST)
            go_on.set()
            assert (await first.answer()).body == b"run"
            assert passed.all(b"x-midrank-reason") == [b"overloaded"]
            assert store.requests[0].body == b"abc"
            assert (await second.ask(POST)).body == b"run"
