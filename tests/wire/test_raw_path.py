"""The target is the app's: escapes, doubled slashes, dots, lone question marks reach the store unchanged."""

import pytest

from tests.fakes.raw_http import RawStore, connected


@pytest.mark.parametrize(
    "target",
    [
        b"/a%2Fb/%2e%2e/c?x=%20+y&z=%C3%A9",
        b"//a/../b/./c",
        b"/x?q=a%22b%2Bc&&=;[]|^{}",
        b"/%zz%0d%0aX:y",
        b"/x?",
        b"/x??a",
        b"/x?a=b?c=/d",
        b"/%E4",
        b"/x;v=1/@host:80",
        b"/" + b"a" * 20_000,
    ],
)
async def test_target_passes_byte_for_byte(wired, target):
    async with wired() as (client, store):
        answer = await client.ask(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 200
        assert store.requests[0].target == target


async def test_prefix_of_the_store_url_comes_first(front):
    async with RawStore() as store:
        listener = await front(f"{store.url}/tenant%2F1")
        async with connected(listener.address) as client:
            await client.ask(b"GET /x%2Fy? HTTP/1.1\r\nHost: a\r\n\r\n")
    assert store.requests[0].target == b"/tenant%2F1/x%2Fy?"


async def test_fragment_is_refused(wired):
    async with wired() as (client, store):
        answer = await client.ask(b"GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 400
        assert not store.requests
