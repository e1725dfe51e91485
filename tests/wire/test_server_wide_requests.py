"""Requests that are about no path: clear answers, where a router would say 404."""

import pytest


@pytest.mark.parametrize(
    "head",
    [
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n\r\n",
    ],
)
async def test_asterisk_and_tunnels_are_refused(wired, head):
    async with wired() as (client, store):
        answer = await client.ask(head)
        assert answer.status == 501
        assert answer.all(b"x-midrank-error") == [b"not_implemented"]
        assert not store.requests


async def test_options_of_a_path_reach_the_store(wired):
    """Browsers ask this way before a cross-origin request."""
    allowed = b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n"
    async with wired(allowed) as (client, store):
        answer = await client.ask(b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n")
        assert answer.status == 204
        assert answer.all(b"Access-Control-Allow-Origin") == [b"*"]
        assert store.requests[0].start == b"OPTIONS /x HTTP/1.1"
