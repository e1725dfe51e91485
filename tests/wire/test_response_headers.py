"""An answer's head is the store's: nothing added, nothing respelled, lengths of absent bodies kept."""

import pytest


async def test_nothing_is_added_to_an_answer(wired):
    async with wired(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.headers == ((b"Content-Length", b"2"),)


async def test_the_stores_own_server_date_and_type_are_kept(wired):
    raw = b"HTTP/1.1 200 OK\r\nserver: s\r\ndate: d\r\ncontent-type: t\r\nContent-Length: 0\r\n\r\n"
    async with wired(raw) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.headers[:3] == ((b"server", b"s"), (b"date", b"d"), (b"content-type", b"t"))


async def test_repeated_headers_keep_their_order(wired):
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    async with wired(raw) as (client, store):
        for _ in range(2):
            answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer.all(b"Set-Cookie") == [b"a=1", b"b=2"]
        assert b"cookie" not in store.requests[1].names()  # none is remembered


async def test_reason_and_unusual_status_are_kept(wired):
    raw = b"HTTP/1.1 429 Slow Down Please\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
    async with wired(raw) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.start == b"HTTP/1.1 429 Slow Down Please"
        assert answer.all(b"Retry-After") == [b"3"]


async def test_not_modified_keeps_the_length_it_tells(wired):
    raw = b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'
    async with wired(raw) as (client, _):
        for _ in range(2):
            answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer.headers == ((b"ETag", b'"x"'), (b"Content-Length", b"99"))


async def test_head_keeps_the_length_it_tells(wired):
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    async with wired(raw) as (client, store):
        for _ in range(2):
            client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await client.answer(bodiless=True)
            assert answer.headers == ((b"Content-Length", b"99"),)
        assert store.connections == 1


async def test_redirects_are_not_followed(wired):
    raw = b"HTTP/1.1 307 Away\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"
    async with wired(raw) as (client, store):
        answer = await client.ask(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        assert answer.all(b"Location") == [b"http://169.254.169.254/latest"]
        assert len(store.requests) == 1


async def test_an_interim_answer_does_not_end_the_exchange(wired):
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with wired(raw) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (answer.status, answer.body) == (200, b"ok")


@pytest.mark.parametrize("size", [20_000, 60_000])
async def test_long_headers_pass(wired, size):
    raw = b"HTTP/1.1 200 OK\r\nX: " + b"a" * size + b"\r\nContent-Length: 0\r\n\r\n"
    async with wired(raw) as (client, _):
        client.reader._limit = 2 * size
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.all(b"X") == [b"a" * size]
