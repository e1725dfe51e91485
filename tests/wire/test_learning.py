"""Passing answers that teach are shown to the exchange: whole, plain, successful ones of bounded size."""

import pytest

from proxy.listeners.http_connection import HttpLimits
from tests.fakes.exchanges import PassAll
from tests.fakes.raw_http import RawStore, connected, read_message

GET = b"GET /names HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_passing_answer_is_learnt_from(wired):
    exchange = PassAll(frozenset({"/names"}))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with wired(answer, exchange=exchange) as (client, _):
        assert (await client.ask(GET)).body == b"abc"
        assert exchange.learnt == [b"abc"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlarge",
    ],
)
async def test_other_answers_teach_nothing(wired, answer):
    exchange = PassAll(frozenset({"/names"}))
    async with wired(answer, exchange=exchange, limits=HttpLimits(learnt_body=4)) as (client, _):
        await client.ask(GET)
        assert exchange.learnt == []


async def test_a_mistake_in_learning_costs_the_connection_but_not_the_answer(wired, caplog):
    class Wrong(PassAll):
        def learn(self, body):
            raise LookupError

    async with wired(exchange=Wrong(frozenset({"/names"}))) as (client, _):
        assert (await client.ask(GET)).body == b"ok"
        assert await client.rest() == b""
        assert "request failed" in caplog.messages


async def test_other_targets_teach_nothing(wired):
    exchange = PassAll(frozenset({"/names"}))
    async with wired(exchange=exchange) as (client, _):
        await client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert exchange.learnt == []


async def test_a_cut_answer_teaches_nothing(front):
    async def cut(reader, writer):
        await read_message(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")

    exchange = PassAll(frozenset({"/names"}))
    async with RawStore(cut) as store:
        listener = await front(store.url, exchange=exchange)
        async with connected(listener.address) as client:
            client.send(GET)
            await client.rest()
    assert exchange.learnt == []
