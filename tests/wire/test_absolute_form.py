"""A target that is a URL (RFC 9112, 3.2.2) is served by its path: the store comes from the policy alone."""

import pytest


@pytest.mark.parametrize(
    ("target", "forwarded"),
    [
        (b"http://elsewhere.example/x/y?z=%20", b"/x/y?z=%20"),
        (b"HTTPS://elsewhere.example:8443/x", b"/x"),
        (b"http://elsewhere.example", b"/"),
        (b"http://elsewhere.example?q=1", b"/?q=1"),
        (b"http://user:secret@elsewhere.example/x", b"/x"),
    ],
)
async def test_url_is_served_by_its_path(wired, target, forwarded):
    async with wired() as (client, store):
        answer = await client.ask(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 200
        assert store.requests[0].target == forwarded


@pytest.mark.parametrize("target", [b"@127.0.0.1:1/x", b".example/x", b"1/x", b"ftp://a/x", b"x"])
async def test_anything_else_that_is_no_path_is_refused(wired, target):
    """Put behind the store's address without a slash, these would name another host."""
    async with wired() as (client, store):
        answer = await client.ask(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 400
        assert not store.requests
