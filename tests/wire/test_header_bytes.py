"""Header bytes pass as they are, or the request is refused; the client library would empty such values."""

import pytest


@pytest.mark.parametrize("value", [b"\xe9\xff", b"a\xc3", b"\xed\xa0\x80"])
async def test_request_headers_that_are_not_utf_8_are_refused(wired, value):
    async with wired() as (client, store):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + value + b"\r\n\r\n")
        assert answer.status == 400
        assert not store.requests


async def test_utf_8_spelling_order_and_repetition_reach_the_store(wired):
    async with wired() as (client, store):
        await client.ask(
            b"GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-b: caf\xc3\xa9\r\nX-A: 3\r\n"
            b"accept: */*\r\nX-Empty: \r\n\r\n"
        )
        assert store.requests[0].headers[1:] == (
            (b"X-A", b"1"),
            (b"x-b", b"caf\xc3\xa9"),
            (b"X-A", b"3"),
            (b"accept", b"*/*"),
            (b"X-Empty", b""),
        )


async def test_nothing_is_added_to_a_request(wired):
    """No user agent, no accept, no content type; the host is the store's own."""
    async with wired() as (client, store):
        await client.ask(b"GET /x HTTP/1.1\r\nHost: midrank.local\r\n\r\n")
        assert store.requests[0].headers == ((b"Host", b"127.0.0.1:%d" % store.port),)


async def test_what_is_addressed_to_midrank_stays_here(wired):
    async with wired() as (client, store):
        await client.ask(
            b"GET /x HTTP/1.1\r\nHost: a\r\nX-Midrank-Query: secret\r\nx-midrank-mode: off\r\nX: 1\r\n\r\n"
        )
        assert store.requests[0].names() == {b"host", b"x"}


async def test_a_folded_response_header_comes_out_as_one_line(wired):
    async with wired(b"HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\nContent-Length: 0\r\n\r\n") as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.all(b"X") == [b"a\tb"]


async def test_every_byte_of_a_response_header_reaches_the_app(wired):
    raw = (
        b'HTTP/1.1 200 Fein\xe9\r\nETag: "x"\r\nX-Latin: \xe9\xff\r\nx-CaSe: 1\r\nContent-Length: 2\r\n\r\nok'
    )
    async with wired(raw) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.start == b"HTTP/1.1 200 Fein\xe9"
        assert answer.headers[:3] == ((b"ETag", b'"x"'), (b"X-Latin", b"\xe9\xff"), (b"x-CaSe", b"1"))
