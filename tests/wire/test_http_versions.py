"""Only HTTP/1.0 and 1.1 are spoken; the parser alone would take 0.9 and 2.0 too, and forward them as 1.1."""

import pytest


@pytest.mark.parametrize(
    "head", [b"GET /x\r\n\r\n", b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", b"GET /x HTTP/0.9\r\nHost: a\r\n\r\n"]
)
async def test_other_versions_are_refused(wired, head):
    async with wired() as (client, store):
        answer = await client.ask(head)
        assert answer.status == 505
        assert answer.all(b"x-midrank-error") == [b"http_version_unsupported"]
        assert await client.rest() == b""
        assert not store.requests


async def test_an_http_1_0_client_is_answered_and_closed(wired):
    async with wired() as (client, store):
        answer = await client.ask(b"GET /x HTTP/1.0\r\n\r\n")
        assert answer.body == b"ok"
        assert await client.rest() == b""
        assert store.requests[0].start == b"GET /x HTTP/1.1"


async def test_an_http_1_0_client_may_ask_to_stay(wired):
    async with wired() as (client, _):
        for _ in range(2):
            answer = await client.ask(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert answer.all(b"Connection") == [b"keep-alive"]


async def test_an_http_1_0_client_gets_no_chunks(wired):
    """It could not read them: the end of the body is the end of the connection."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with wired(chunked) as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.body == b"abc"
        assert b"transfer-encoding" not in answer.names()
