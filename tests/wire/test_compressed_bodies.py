"""Compressed bodies pass as they are; the framework alone would unpack them and leave the header on."""

import gzip

PACKED = gzip.compress(b"{}" * 500, mtime=0)


async def test_a_compressed_request_is_not_touched(wired):
    async with wired() as (client, store):
        head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(
            PACKED
        )
        assert (await client.ask(head + PACKED)).status == 200
        assert store.requests[0].body == PACKED
        assert store.requests[0].all(b"Content-Encoding") == [b"gzip"]


async def test_a_compressed_answer_is_not_touched(wired):
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED
    async with wired(answer) as (client, store):
        got = await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n")
        assert got.body == PACKED
        assert got.all(b"Content-Encoding") == [b"gzip"]
        assert store.requests[0].all(b"Accept-Encoding") == [b"gzip, br"]


async def test_compressed_chunks_are_not_touched(wired):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(PACKED), PACKED)
    async with wired(answer) as (client, _):
        assert (await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).body == PACKED
