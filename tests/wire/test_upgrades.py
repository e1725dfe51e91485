"""Websockets are refused in words; other upgrades are offers, passed over as HTTP allows (RFC 9110, 7.8)."""


async def test_a_websocket_is_refused(wired):
    async with wired() as (client, store):
        answer = await client.ask(
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert answer.status == 501
        assert b"websockets" in answer.body
        assert await client.rest() == b""
        assert not store.requests


async def test_an_offer_of_http_2_is_passed_over(wired):
    """curl and Java offer h2c with a first request that is meant to be answered either way."""
    async with wired() as (client, store):
        answer = await client.ask(
            b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert answer.status == 200
        assert store.requests[0].names() == {b"host", b"content-length"}
        assert store.requests[0].body == b"abc"


async def test_a_store_that_switches_unasked_is_not_followed(wired):
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    async with wired(switching) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 502
        assert answer.all(b"x-midrank-error") == [b"upstream_junk"]
