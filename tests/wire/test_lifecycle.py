"""Starting and stopping: clear refusals to start, and no request lost on the way out."""

import asyncio
import os
import re
import subprocess
import sys

import pytest

from proxy.errors import BadConfig
from proxy.listeners.http import HttpListener
from proxy.upstream.http import HttpUpstream
from tests.fakes.exchanges import PassAll
from tests.fakes.raw_http import OK, RawStore, connected, read_message

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_port_in_use_is_a_mistake_in_the_configuration(front):
    first = await front("http://127.0.0.1:1")
    host, port = first.address
    upstream = HttpUpstream("http://127.0.0.1:1")
    second = HttpListener(PassAll(), upstream, host=host, port=port, name="docs")
    with pytest.raises(BadConfig) as caught:
        await second.start()
    assert f"store docs: listen: {host}:{port} - a free address; address already in use" in str(caught.value)
    await second.close(0)


async def test_an_address_of_ipv6_is_told_as_policies_have_it(caplog):
    upstream = HttpUpstream("http://127.0.0.1:1")
    first = HttpListener(PassAll(), upstream, host="::1", port=0, name="docs")
    with caplog.at_level("INFO"):
        await first.start()
    at = f"[::1]:{first.address[1]}"
    second = HttpListener(PassAll(), upstream, host="::1", port=first.address[1], name="docs")
    with pytest.raises(BadConfig, match=rf"listen: {re.escape(at)} - a free address"):
        await second.start()
    await first.close(0)

    assert [record.at for record in caplog.records if record.message == "listening"] == [at]


def test_the_slow_parser_is_refused_at_start():
    script = (
        "import asyncio\n"
        "from proxy.errors import BadConfig\n"
        "from proxy.listeners.http import HttpListener\n"
        "async def main():\n"
        "    try:\n"
        "        await HttpListener(None, None, host='127.0.0.1', port=0).start()\n"
        "    except BadConfig as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "C parser" in done.stdout


async def test_a_request_in_flight_is_answered_while_draining(front):
    asked, release = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await read_message(reader)
        asked.set()
        await release.wait()
        writer.write(OK)

    async with RawStore(serve) as store:
        listener = await front(store.url)
        address = listener.address
        async with connected(address) as busy, connected(address) as idle:
            busy.send(GET)
            await asked.wait()
            closing = asyncio.get_running_loop().create_task(listener.close(10))
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            release.set()
            answer = await busy.answer()
            assert answer.body == b"ok"
            assert answer.all(b"Connection") == [b"close"]
            assert await busy.rest() == b""
            await closing


async def test_an_upload_in_flight_is_completed_while_draining(front):
    begun = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"first")
        begun.set()
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async with RawStore(serve) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await begun.wait()
            closing = asyncio.get_running_loop().create_task(listener.close(10))
            await asyncio.sleep(0)
            assert (await client.ask(b"6\r\nsecond\r\n0\r\n\r\n")).status == 200
            await closing


async def test_what_outlasts_the_grace_is_cut(front):
    asked = asyncio.Event()

    async def serve(reader, writer):
        await read_message(reader)
        asked.set()
        await reader.read(-1)

    async with RawStore(serve) as store:
        listener = await front(store.url)
        async with connected(listener.address) as client:
            client.send(GET)
            await asked.wait()
            await listener.close(0.01)
            assert await client.rest() == b""


async def test_closing_twice_or_before_starting_is_harmless(front):
    listener = await front("http://127.0.0.1:1")
    await listener.close(0)
    await listener.close(0)
