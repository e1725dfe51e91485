"""Connection may end only headers of the connection; a tenant or an identity must not be stripped by it."""

import pytest


@pytest.mark.parametrize(
    "headers",
    [
        b"Connection: close, x-tenant\r\nX-Tenant: acme\r\n",
        b"Connection: Authorization\r\nAuthorization: Bearer t\r\n",
        b"Connection: keep-alive\r\nConnection: x-tenant\r\nX-Tenant: acme\r\n",
        b"Connection: content-length\r\nContent-Length: 0\r\n",
        b"Connection: host\r\n",
    ],
)
async def test_naming_an_end_to_end_header_is_refused(wired, headers):
    async with wired() as (client, store):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n")
        assert answer.status == 400
        assert not store.requests


async def test_hop_by_hop_headers_end_here(wired):
    async with wired() as (client, store):
        answer = await client.ask(
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, TE\r\nTE: trailers\r\n"
            b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTrailer: X-T\r\nX-Kept: 1\r\n"
            b"Authorization: Bearer t\r\n\r\n"
        )
        assert answer.status == 200
        assert store.requests[0].names() == {b"host", b"x-kept", b"authorization"}


async def test_what_the_stores_connection_names_ends_here_too(wired):
    answer = b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n"
    async with wired(answer) as (client, _):
        got = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert got.names() == {b"x-kept", b"content-length"}


async def test_close_is_obeyed(wired):
    async with wired() as (client, _):
        answer = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.all(b"Connection") == [b"close"]
        assert await client.rest() == b""
