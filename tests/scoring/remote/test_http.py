from __future__ import annotations

import asyncio
import math
import ssl

import pytest

from proxy.errors import BadConfig
from proxy.model import Reason
from proxy.scoring.remote.http import RemoteFailed, RemoteHttp
from tests.fakes.raw_http import OK, RawStore, read_message
from tests.fakes.redis_server import make_certificates
from tests.fakes.remotes import LONG, SHORT, in_time
from tests.fakes.servers import nobody_listening

pytestmark = pytest.mark.wire

COOKIE = b"HTTP/1.1 200 OK\r\nset-cookie: session=1\r\ncontent-length: 2\r\n\r\nok"


async def post(http, url, *, seconds=LONG, headers=None):
    return await http.post(url, b"what is asked", headers or {}, deadline=in_time(seconds))


async def refused(http, url, *, seconds=LONG, headers=None):
    with pytest.raises(RemoteFailed) as failed:
        await post(http, url, seconds=seconds, headers=headers)
    return failed.value


async def test_statuses_are_returned_and_not_judged(http):
    answer = b"HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy"
    async with RawStore(answer) as server:
        reply = await post(http, server.url + "/v1/rerank?x=1", headers={"Authorization": "Bearer sk-1"})

    assert (reply.status, reply.headers["Retry-After"], reply.body) == (429, "7", b"busy")
    sent = server.requests[0]
    assert (sent.start, sent.body) == (b"POST /v1/rerank?x=1 HTTP/1.1", b"what is asked")
    assert sent.all(b"Authorization") == [b"Bearer sk-1"]


async def test_connections_are_kept_and_used_again(http):
    async with RawStore() as server:
        for _ in range(10):
            await post(http, server.url)

    assert (server.connections, len(server.requests)) == (1, 10)


async def test_more_posts_than_connections_wait_for_one():
    http = RemoteHttp(max_connections=2)
    await http.start()
    async with RawStore() as server:
        await asyncio.gather(*(post(http, server.url) for _ in range(10)))
    await http.close()

    assert (server.connections, len(server.requests)) == (2, 10)


async def test_cookies_are_not_kept(http):
    async with RawStore(COOKIE) as server:
        await post(http, server.url)
        await post(http, server.url)

    assert server.requests[1].all(b"Cookie") == []


async def test_a_proxy_in_the_environment_is_not_obeyed(http, monkeypatch):
    async with RawStore() as proxy, RawStore() as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        await post(http, server.url)

    assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_refused(http, status):
    async with RawStore() as elsewhere:
        answer = f"HTTP/1.1 {status} there\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
        async with RawStore(answer.encode()) as server:
            failed = await refused(http, server.url)

    assert (failed.reason, elsewhere.connections) == (Reason.BAD_RESPONSE, 0)


async def test_an_answer_up_to_the_bound_is_read_and_one_above_it_is_not():
    http = RemoteHttp(max_bytes=2)
    await http.start()
    async with RawStore(OK) as fits, RawStore(OK.replace(b": 2\r\n\r\nok", b": 3\r\n\r\nok!")) as above:
        assert (await post(http, fits.url)).body == b"ok"
        assert (await refused(http, above.url)).reason is Reason.BAD_RESPONSE
    await http.close()


async def test_a_post_may_want_less_or_more_than_others(http):
    async with RawStore() as server:
        reply = await http.post(server.url, b"", {}, deadline=in_time(), max_bytes=2)
        with pytest.raises(RemoteFailed) as failed:
            await http.post(server.url, b"", {}, deadline=in_time(), max_bytes=1)

    assert (reply.body, failed.value.reason) == (b"ok", Reason.BAD_RESPONSE)


async def test_of_an_error_that_is_too_large_there_is_the_start(http):
    """Some quote the whole request; that it was refused is known all the same."""
    async with RawStore(b"HTTP/1.1 422 No\r\ncontent-length: 9\r\n\r\nrefused: ") as server:
        reply = await http.post(server.url, b"", {}, deadline=in_time(), max_bytes=3)

    assert (reply.status, reply.body) == (422, b"ref")


async def test_nobody_listening_is_an_error_that_may_pass(http):
    with nobody_listening() as server:
        failed = await refused(http, server.url)

    assert (failed.reason, failed.transient) == (Reason.REMOTE_ERROR, True)


async def test_an_answer_cut_off_may_be_whole_the_next_time(http):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"
    async with RawStore(answer, close_after_answer=True) as server:
        failed = await refused(http, server.url)

    assert (failed.reason, failed.transient) == (Reason.BAD_RESPONSE, True)


async def test_who_does_not_answer_is_given_up_at_the_deadline(http):
    async def silent(reader, _writer):
        await reader.read()

    async with RawStore(silent) as server:
        failed = await refused(http, server.url, seconds=SHORT)

    assert (failed.reason, failed.transient) == (Reason.LATE, False)


async def test_an_endless_deadline_is_one(http):
    async with RawStore() as server:
        reply = await http.post(server.url, b"", {}, deadline=math.inf)

    assert reply.body == b"ok"


async def test_nothing_is_sent_after_the_deadline(http):
    async with RawStore() as server:
        assert (await refused(http, server.url, seconds=-1)).reason is Reason.LATE

    assert server.connections == 0


async def test_nothing_is_sent_before_the_start_and_after_the_end():
    http = RemoteHttp()
    async with RawStore() as server:
        assert (await refused(http, server.url)).reason is Reason.WARMING
        await http.start()
        await post(http, server.url)
        await http.close()
        assert (await refused(http, server.url)).reason is Reason.WARMING
        await http.close()


async def test_a_post_that_nobody_waits_for_ends_with_its_connection(http):
    there, gone = asyncio.Event(), asyncio.Event()

    async def watching(reader, _writer):
        await read_message(reader)
        there.set()
        await reader.read()
        gone.set()

    async with RawStore(watching) as server:
        task = asyncio.create_task(post(http, server.url))
        await there.wait()
        task.cancel()
        await asyncio.wait({task})
        async with asyncio.timeout(LONG):
            await gone.wait()

    assert task.cancelled()


async def test_failures_quote_nothing(http):
    async with RawStore(b"HTTP/1.1 junk secret-in-answer\r\n\r\n") as server:
        failed = await refused(http, server.url + "/secret-path", headers={"Authorization": "secret-key"})

    assert "secret" not in f"{failed!r} {failed.__cause__!r}"
    assert failed.__suppress_context__


@pytest.fixture
def certificates(tmp_path):
    return make_certificates(tmp_path)


@pytest.fixture
def tls(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


async def _ok(reader, writer):
    await read_message(reader)
    writer.write(OK)
    writer.close()


async def test_a_certificate_of_nobody_we_know_is_refused(http, tls):
    server = await asyncio.start_server(_ok, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]

    failed = await refused(http, f"https://127.0.0.1:{port}")

    server.close()
    assert (failed.reason, failed.transient) == (Reason.REMOTE_ERROR, False)


async def test_a_certificate_of_our_own_authority_is_taken_for_its_own_name(certificates, tls):
    http = RemoteHttp(ca_file=str(certificates.authority))
    await http.start()
    server = await asyncio.start_server(_ok, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]

    reply = await post(http, f"https://127.0.0.1:{port}")
    failed = await refused(http, f"https://localhost:{port}")

    server.close()
    await http.close()
    assert reply.body == b"ok"
    assert failed.reason is Reason.REMOTE_ERROR


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_certificates_that_are_none_are_a_mistake(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(BadConfig, match="ca_file"):
        await RemoteHttp(ca_file=str(path)).start()
