"""`fetch`: whole answers in memory, or one named reason why not. Streaming is tested in tests/wire."""

import asyncio
import gzip
import shutil
import ssl
import subprocess

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import (
    UPSTREAM_JUNK,
    UPSTREAM_TIMEOUT,
    UPSTREAM_UNREACHABLE,
    Oversized,
    Unanswerable,
    Undecodable,
)
from proxy.model import WireRequest
from proxy.upstream.http import HttpUpstream
from tests.fakes.raw_http import OK, RawStore, read_message
from tests.fakes.servers import nobody_listening


def request(method="POST", target="/q", headers=(), body=b"{}"):
    return WireRequest(method, target, CIMultiDictProxy(CIMultiDict(headers)), body)


async def fetched(answer, asked=None, *, close=False, **options):
    async with (
        RawStore(answer, close_after_answer=close) as store,
        HttpUpstream(store.url, **options) as upstream,
    ):
        return await upstream.fetch(asked or request()), store.requests


async def test_a_name_that_can_t_be_one_leads_nowhere():
    async with HttpUpstream("http://a..b:1") as upstream:
        with pytest.raises(Unanswerable) as nowhere:
            await upstream.fetch(request())

    assert nowhere.value.fault is UPSTREAM_UNREACHABLE


async def test_the_answer_is_whole_and_plain():
    raw = b"HTTP/1.1 201 Made\r\nETag: x\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc"
    answer, _ = await fetched(raw)
    assert answer.status == 201
    assert list(answer.headers.items()) == [("ETag", "x")]
    assert answer.body == b"abc"


async def test_the_request_goes_out_as_it_is_but_asks_for_plain_text():
    headers = [
        ("Accept-Encoding", "gzip, br"),
        ("Authorization", "t"),
        ("X-Midrank-Query", "q"),
        ("Content-Length", "99"),
        ("Host", "a"),
    ]
    _, (sent,) = await fetched(OK, request(target="/a%2Fb?", headers=headers))
    assert sent.start == b"POST /a%2Fb? HTTP/1.1"
    assert sent.all(b"Accept-Encoding") == [b"identity"]
    assert sent.names() == {b"host", b"accept-encoding", b"authorization", b"content-length"}
    assert sent.body == b"{}"


async def test_a_request_without_body_has_none():
    _, (sent,) = await fetched(OK, request("GET", body=b""))
    assert sent.names() == {b"host", b"accept-encoding"}


async def test_chunks_are_joined():
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    answer, _ = await fetched(raw)
    assert answer.body == b"abc"
    assert not answer.headers


async def test_a_coding_that_was_not_asked_for_is_undone():
    packed = gzip.compress(b"abc")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    answer, _ = await fetched(head + packed)
    assert answer.body == b"abc"
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + bytes(11),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_above_the_cap_is_oversized(raw):
    with pytest.raises(Oversized):
        await fetched(raw, max_body=10)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"junk\r\n\r\n", UPSTREAM_JUNK),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", UPSTREAM_JUNK),
        (b"", UPSTREAM_UNREACHABLE),
    ],
)
async def test_anything_but_a_whole_answer_has_a_name(raw, fault):
    with pytest.raises(Unanswerable) as caught:
        await fetched(raw, close=True)
    assert caught.value.fault is fault


async def test_an_unknown_coding_is_not_guessed_at():
    with pytest.raises(Undecodable):
        await fetched(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx")


async def test_silence_has_a_name():
    async def silent(reader, writer):
        await reader.read(-1)

    with pytest.raises(Unanswerable) as caught:
        await fetched(silent, silence_timeout=0.05)
    assert caught.value.fault is UPSTREAM_TIMEOUT


async def test_silence_in_the_middle_has_the_same_name():
    async def stall(reader, writer):
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
        await reader.read(-1)

    with pytest.raises(Unanswerable) as caught:
        await fetched(stall, silence_timeout=0.05)
    assert caught.value.fault is UPSTREAM_TIMEOUT


async def test_nobody_listening_has_a_name():
    with nobody_listening() as store:
        async with HttpUpstream(store.url) as upstream:
            with pytest.raises(Unanswerable) as caught:
                await upstream.fetch(request())
    assert caught.value.fault is UPSTREAM_UNREACHABLE


async def test_a_failed_fetch_does_not_poison_the_pool():
    """What is left of an answer that was not read must not be taken for the next one."""
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(100)
    async with RawStore(large) as store, HttpUpstream(store.url, max_body=10) as upstream:
        with pytest.raises(Oversized):
            await upstream.fetch(request())
        store.answer = OK
        assert (await upstream.fetch(request())).body == b"ok"


async def test_answers_are_not_mixed_up():
    async def echo(reader, writer):
        while True:
            body = (await read_message(reader)).body
            await asyncio.sleep(0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with RawStore(echo) as store, HttpUpstream(store.url) as upstream:
        bodies = [b"%d" % number for number in range(200)]
        answers = await asyncio.gather(*(upstream.fetch(request(body=body)) for body in bodies))
    assert [answer.body for answer in answers] == bodies


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
async def test_certificates_are_verified(tmp_path):
    certificate = tmp_path / "certificate.pem"
    await asyncio.to_thread(_self_signed, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def answer(reader, writer):
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with HttpUpstream(f"https://127.0.0.1:{port}") as upstream:
        with pytest.raises(Unanswerable) as caught:
            await upstream.fetch(request())
    server.close()
    assert caught.value.fault is UPSTREAM_UNREACHABLE


def _self_signed(path):
    """Write a key and a certificate that nobody trusts."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-keyout", str(path), "-out", str(path)], check=True, capture_output=True
    )
