"""Bodies flow: each piece goes on as it arrives, in both directions, and none is held whole."""

import asyncio

from tests.fakes.raw_http import OK, RawStore, connected, read_message

MIB = 1024 * 1024


async def test_an_event_arrives_before_the_next_is_sent(front):
    arrived = asyncio.Event()

    async def events(reader, writer):
        await read_message(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(b"9\r\ndata: 1\n\n\r\n")
        await arrived.wait()
        writer.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    async with RawStore(events) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.reader.readuntil(b"data: 1\n\n")
            arrived.set()
            await client.reader.readuntil(b"data: 2\n\n\r\n0\r\n\r\n")


async def test_a_head_arrives_before_the_body_is_sent(front):
    arrived = asyncio.Event()

    async def late_body(reader, writer):
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await arrived.wait()
        writer.write(b"ok")

    async with RawStore(late_body) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.reader.readuntil(b"\r\n\r\n")
            arrived.set()
            assert await client.reader.readexactly(2) == b"ok"


async def test_an_upload_arrives_before_it_is_complete(front):
    begun = asyncio.Event()

    async def upload(reader, writer):
        await reader.readuntil(b"first")
        begun.set()
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async with RawStore(upload) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await begun.wait()
            assert (await client.ask(b"6\r\nsecond\r\n0\r\n\r\n")).status == 200


async def test_a_large_upload_waits_for_the_store_instead_of_piling_up(front):
    """40 MiB against a store that does not read: the client can push no more than fits into buffers."""
    reading = asyncio.Event()
    size = 40 * MIB
    received = 0

    async def slow(reader, writer):
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        await reading.wait()
        while received < size:
            received += len(await reader.read(MIB))
        writer.write(OK)

    async with RawStore(slow) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            client.writer.transport.set_write_buffer_limits(high=0)
            pushed = 0
            try:
                async with asyncio.timeout(0.3):
                    while pushed < size:
                        client.send(bytes(MIB))
                        await client.writer.drain()
                        pushed += MIB
            except TimeoutError:
                pushed += MIB
            assert pushed < size
            reading.set()
            while pushed < size:
                client.send(bytes(MIB))
                await client.writer.drain()
                pushed += MIB
            assert (await client.answer()).status == 200
    assert received == size


async def test_a_large_answer_waits_for_the_client(front):
    size = 40 * MIB
    sent = 0

    async def large(reader, writer):
        nonlocal sent
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(MIB))
            await writer.drain()
            sent += MIB

    async with RawStore(large) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.2)
            assert sent < size
            assert len(await client.reader.readexactly(size)) == size


async def test_chunks_stay_chunks_in_both_directions(wired):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with wired(answer) as (client, store):
        for _ in range(2):
            got = await client.ask(
                b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n"
            )
            assert got.body == b"abc"
            assert got.all(b"Transfer-Encoding") == [b"chunked"]
            assert store.requests[-1].body == b"xyz"
            assert store.requests[-1].all(b"Transfer-Encoding") == [b"chunked"]


async def test_a_get_may_have_a_body(wired):
    async with wired() as (client, store):
        await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        await client.ask(
            b"GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert [request.body for request in store.requests] == [b"abc", b"abc", b""]


async def test_an_early_refusal_reaches_a_client_that_is_still_sending(front):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read(-1)

    async with RawStore(refuse) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
            answer = await client.answer()
            assert (answer.status, answer.body) == (413, b"no")


async def test_several_pieces_of_a_small_body_reach_the_store_as_one_body(wired):
    async with wired() as (client, store):
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await client.writer.drain()
        assert (await client.ask(b"def")).status == 200
        assert store.requests[0].body == b"abcdef"
