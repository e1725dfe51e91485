"""A pooled connection may die just as it is used again; a search is then sent once more, on a fresh one."""

import asyncio

from proxy.model import Forward
from tests.fakes.exchanges import ClaimPosts
from tests.fakes.raw_http import OK, RawStore, connected, read_message

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def dies_when_reused(seen):
    """Answer the first request of each connection; close without a word on the second."""

    async def serve(reader, writer):
        seen.append((await read_message(reader)).body)
        writer.write(OK)
        seen.append((await read_message(reader)).body)

    return serve


async def test_a_fetched_search_is_sent_again(wired):
    seen = []
    fetching = lambda upstream: ClaimPosts(upstream.fetch)  # noqa: E731
    async with wired(dies_when_reused(seen), exchange=fetching) as (client, store):
        for _ in range(3):
            assert (await client.ask(POST)).body == b"ok"
        assert set(seen) == {b"abc"}
        assert store.connections > 1


async def test_a_forwarded_search_is_sent_again(wired):
    async def forward(request):
        return Forward((("x-midrank", "passed"),))

    seen = []
    async with wired(dies_when_reused(seen), exchange=ClaimPosts(forward)) as (client, store):
        for _ in range(3):
            assert (await client.ask(POST)).body == b"ok"
        assert store.connections > 1


async def test_a_write_is_never_sent_twice(wired):
    """The store may have done it before it died; only the app can know whether to ask again."""
    seen = []
    async with wired(dies_when_reused(seen)) as (client, _):
        assert (await client.ask(POST)).status == 200
        assert (await client.ask(POST)).all(b"x-midrank-error") == [b"upstream_unreachable"]
        assert seen == [b"abc", b"abc"]


async def test_a_second_death_is_told(wired):
    async def dead(reader, writer):
        await read_message(reader)

    fetching = lambda upstream: ClaimPosts(upstream.fetch)  # noqa: E731
    async with wired(dead, exchange=fetching) as (client, store):
        assert (await client.ask(POST)).status == 502
        assert store.connections == 2


async def test_connections_are_reused_while_they_live(wired):
    async with wired() as (client, store):
        for _ in range(5):
            await client.ask(POST)
        assert store.connections == 1


async def test_requests_at_once_use_connections_of_their_own(front):
    meeting = asyncio.Barrier(3)

    async def meet(reader, writer):
        await read_message(reader)
        await meeting.wait()
        writer.write(OK)

    async with RawStore(meet) as store:
        listener = await front(store.url)

        async def one():
            async with connected(listener.address) as client:
                return (await client.ask(POST)).status

        assert await asyncio.gather(one(), one(), one()) == [200, 200, 200]
