"""Once more, elsewhere, both at once, or not at all."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

import pytest
from pydantic import SecretStr

from proxy.model import Reason
from proxy.scoring.remote.allowance import FIRST
from proxy.scoring.remote.api_key import ApiKey
from proxy.scoring.remote.dialects.jina import Jina
from proxy.scoring.remote.http import RemoteFailed
from tests.fakes.clocks import Clock
from tests.fakes.remotes import LONG, SHORT, api, asking, in_time, texts
from tests.fakes.rerank_faults import body, echo, hang, reset, slow, status
from tests.fakes.rerank_server import KEY, RerankServer, honest

pytestmark = pytest.mark.wire

TEXTS = texts(0.25, 0.75)
DOWN = status("503 Service Unavailable")
BUSY = status("429 Too Many Requests")


class Script:
    """A behaviour for each request in turn; the last one stays."""

    def __init__(self, *behaviours):
        self._left = list(behaviours)

    async def __call__(self, exchange):
        behave = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        await behave(exchange)


async def scores(one, seconds=LONG):
    return (await one.scores("what is this?", TEXTS, in_time(seconds))).tolist()


async def failure(one, seconds=LONG):
    with pytest.raises(RemoteFailed) as failed:
        await one.scores("what is this?", TEXTS, in_time(seconds))
    return failed.value


@pytest.mark.parametrize("fault", [reset, DOWN, status("500 Oops"), status("408 Request Timeout")])
async def test_what_may_pass_is_tried_once_more(http, fault):
    async with RerankServer("jina", Script(fault, honest)) as server:
        one = asking(api(server, retry_share=0.1), http)

        assert await scores(one) == [0.25, 0.75]
        assert one.figures()["retries"] == 1


@pytest.mark.parametrize(
    "fault", [status("400 Bad Request"), status("403 Forbidden"), status("200 OK", b'{"error": 1}')]
)
async def test_what_would_fail_again_is_not(http, fault):
    async with RerankServer("jina", Script(fault, honest)) as server:
        one = asking(api(server, retry_share=0.1), http)
        await failure(one)

    assert len(server.asked) == 1


async def test_nothing_is_tried_again_without_time_for_it(http):
    async with RerankServer("jina", Script(DOWN, honest)) as server:
        one = asking(api(server, retry_share=0.1), http, linger=LONG)
        one.latency.took(LONG)

        assert (await failure(one, SHORT)).reason is Reason.REMOTE_ERROR
        assert len(server.asked) == 1


async def test_an_api_in_trouble_gets_a_tenth_more_requests_at_most(http):
    async with RerankServer("jina", DOWN) as server:
        one = asking(api(server, retry_share=0.1), http)
        for _ in range(50):
            await failure(one)

    assert 50 < len(server.asked) <= 50 + FIRST + 5


async def test_a_second_try_goes_to_another_endpoint(http):
    async with RerankServer("jina", DOWN) as broken, RerankServer("jina") as sound:
        one = asking(api(broken, sound, retry_share=0.5), http)

        assert await scores(one) == [0.25, 0.75]
        assert (len(broken.asked), len(sound.asked)) == (1, 1)


async def test_an_endpoint_that_fails_is_soon_left_out(http):
    async with RerankServer("jina", DOWN) as broken, RerankServer("jina") as sound:
        one = asking(api(broken, sound, retry_share=0.5), http)
        for _ in range(20):
            await scores(one)

        assert len(broken.asked) == 3
        assert one.figures()["ejected"] == 1


async def test_an_api_that_is_busy_is_not_asked_until_it_wants_to_be(http):
    clock = Clock()
    busy = status("429 Too Many Requests", b"{}", "Retry-After: 7")
    async with RerankServer("jina", Script(busy, honest)) as server:
        one = asking(api(server, retry_share=0.5), http, clock=clock)
        failed = await failure(one)
        assert (failed.reason, failed.retry_after) == (Reason.RATE_LIMITED, 7.0)

        clock.now += 6.9
        failed = await failure(one)
        assert (failed.reason, failed.retry_after) == (Reason.RATE_LIMITED, pytest.approx(0.1))
        assert len(server.asked) == 1

        clock.now += 0.2
        assert await scores(one) == [0.25, 0.75]


async def test_busy_without_a_time_is_asked_again_by_the_next_search(http):
    """A server that had too much to do for a moment; twice in a row it gets a pause."""
    clock = Clock()
    async with RerankServer("tei", Script(BUSY, honest, BUSY, BUSY, honest)) as server:
        one = asking(api(server, retry_share=0.5), http, clock=clock)
        assert (await failure(one)).reason is Reason.RATE_LIMITED
        assert await scores(one) == [0.25, 0.75]

        assert [(await failure(one)).reason for _ in range(3)] == [Reason.RATE_LIMITED] * 3
        assert len(server.asked) == 4
        clock.now += 0.2
        assert await scores(one) == [0.25, 0.75]


async def test_another_endpoint_may_have_room(http):
    async with RerankServer("tei", BUSY) as busy, RerankServer("tei") as free:
        one = asking(api(busy, free, retry_share=0.5), http, clock=Clock())
        for _ in range(5):
            assert await scores(one) == [0.25, 0.75]

    assert len(busy.asked) == 2


async def test_a_server_that_is_down_says_for_how_long(http):
    down = status("503 Service Unavailable", b"{}", "Retry-After: 7")
    async with RerankServer("jina", down) as server:
        one = asking(api(server), http, clock=Clock())

        assert (await failure(one)).reason is Reason.REMOTE_ERROR
        assert (await failure(one)).reason is Reason.RATE_LIMITED
        assert one.endpoints.rest == 7.0


async def warmed(one, calls=20):
    for _ in range(calls):
        await scores(one)
    return one


async def test_an_answer_that_takes_unusually_long_is_asked_for_once_more(http):
    async with RerankServer("jina") as first, RerankServer("jina") as second:
        one = await warmed(asking(api(first, second, hedge_share=0.1), http))
        first.behaviour = second.behaviour = Script(hang, honest)

        assert await scores(one) == [0.25, 0.75]
        assert one.figures()["hedges"] == 1
        await one.close()


async def test_one_that_others_outrun_every_time_is_left_out(http):
    async with RerankServer("jina") as first, RerankServer("jina") as second:
        one = await warmed(asking(api(first, second, hedge_share=0.2), http))
        first.behaviour = hang
        for _ in range(6):
            assert await scores(one) == [0.25, 0.75]

        assert one.figures()["ejected"] == 1
        await one.close()


async def test_one_that_was_left_out_is_tried_at_nobody_s_expense(http):
    clock = Clock()
    async with RerankServer("jina", DOWN) as broken, RerankServer("jina") as sound:
        one = asking(api(broken, sound, retry_share=0.5), http, clock=clock)
        for _ in range(6):
            await scores(one)
        broken.behaviour, asked = hang, len(broken.asked)
        broken.reached.clear()
        clock.now += 1
        failed = one.figures()["failed"]
        for _ in range(3):
            assert await scores(one) == [0.25, 0.75]
            await broken.reached.wait()

        assert len(broken.asked) == asked + 1
        assert one.figures()["failed"] == failed
        await one.close()


async def test_one_that_was_left_out_and_works_again_is_asked_again(http):
    clock = Clock()
    async with RerankServer("jina", DOWN) as broken, RerankServer("jina") as sound:
        one = asking(api(broken, sound, retry_share=0.5), http, clock=clock)
        for _ in range(6):
            await scores(one)
        broken.behaviour, asked = honest, len(broken.asked)
        clock.now += 1
        await scores(one)
        if one._probes:
            await asyncio.wait(one._probes._running)
        for _ in range(4):
            await scores(one)

        assert len(broken.asked) == asked + 1 + 2


class Broken(Jina):
    """A dialect with a mistake in it."""

    def decode(self, body, count):
        raise KeyError(body)


async def test_a_mistake_of_our_own_is_told_as_an_error_and_quotes_nothing(http, caplog):
    async with RerankServer("jina") as server:
        one = asking(replace(api(server), dialect=Broken()), http)

        assert (await failure(one)).reason is Reason.REMOTE_ERROR
        assert one.figures()["failed"] == 1
    assert "asking a rerank api broke" in caplog.text
    assert "relevance_score" not in caplog.text


@pytest.mark.parametrize("dialect", ["jina", "vllm"])
async def test_an_answer_has_a_size_that_fits_the_question(http, dialect):
    """What is much larger is none, and would take long to parse."""
    async with RerankServer(dialect, body(lambda answer: answer + b" " * 70_000)) as server:
        assert (await failure(asking(api(server), http))).reason is Reason.BAD_RESPONSE


async def test_texts_that_are_sent_back_have_room(http):
    long = tuple("<" * 40_000 + text for text in ("passage 0: 0.25", "passage 1: 0.75"))
    async with RerankServer("vllm", echo(lambda text: {"text": text})) as server:
        one = asking(api(server), http)

        assert (await one.scores("?", long, in_time())).tolist() == [0.25, 0.75]


async def test_without_leave_nothing_is_asked_twice_at_once(http):
    async with RerankServer("jina") as server:
        one = await warmed(asking(api(server), http))
        server.behaviour = hang

        assert (await failure(one, SHORT)).reason is Reason.LATE
        assert one.figures()["hedges"] == 0


async def test_hedges_are_a_share_of_all_calls(http):
    async with RerankServer("jina") as server:
        one = await warmed(asking(api(server, hedge_share=0.05), http))
        asked = len(server.asked)
        server.behaviour = hang
        for _ in range(10):
            await failure(one, SHORT)

        assert one.figures()["hedges"] <= FIRST + 0.05 * 30
        assert len(server.asked) - asked <= 10 + FIRST + 1


async def test_of_two_failures_one_is_told(http):
    async with RerankServer("jina") as server:
        one = await warmed(asking(api(server, hedge_share=0.1), http))
        server.behaviour = hang

        assert (await failure(one, SHORT)).reason is Reason.LATE


@pytest.mark.parametrize("dialect", ["jina", "pinecone", "tei"])
async def test_the_key_is_where_the_api_wants_it(http, dialect):
    key = ApiKey(SecretStr(KEY), None, time.monotonic)
    async with RerankServer(dialect, key=KEY) as server:
        assert await scores(asking(api(server), http, key=key)) == [0.25, 0.75]


async def test_a_key_that_was_replaced_is_tried_at_once(http, tmp_path):
    file = tmp_path / "key"
    await asyncio.to_thread(file.write_text, "old")
    key = ApiKey(None, str(file), time.monotonic)
    await key.start()
    denied = status("401 Unauthorized")
    async with RerankServer("jina", Script(denied, honest)) as server:
        await asyncio.to_thread(file.write_text, "new")

        assert await scores(asking(api(server, retry_share=0.1), http, key=key)) == [0.25, 0.75]

    assert [asked.message.all(b"Authorization") for asked in server.asked] == [
        [b"Bearer old"],
        [b"Bearer new"],
    ]


async def test_logs_hold_no_key_no_text_and_no_words_of_the_api(http, caplog):
    """A word that names an error is one of a closed list; what else an error says may quote what was sent."""
    caplog.set_level(logging.DEBUG)
    key = ApiKey(SecretStr("sk-secret"), None, time.monotonic)
    says = b'{"detail": "AUTHZ_INSUFFICIENT_BALANCE for sk-secret: passage 0"}'
    async with RerankServer("jina", status("403 Forbidden", says)) as server:
        one = asking(api(server), http, key=key)
        failed = [await failure(one) for _ in range(3)]

    told = [record for record in caplog.records if record.name.startswith("proxy")]
    assert [(record.reason, record.status, record.word) for record in told] == [
        ("remote_denied", 403, "AUTHZ_INSUFFICIENT_BALANCE")
    ]
    everything = f"{caplog.text} {[vars(record) for record in told]} {failed}"
    assert not any(word in everything for word in ("sk-secret", "passage", "what is this"))


async def test_the_same_failure_is_told_once_in_a_while(http, caplog):
    clock = Clock()
    async with RerankServer("jina", DOWN) as server:
        one = asking(api(server), http, clock=clock)
        for seconds in (0, 0, 30, 31, 0):
            clock.now += seconds
            await failure(one)

    assert caplog.text.count("rerank api gave no scores") == 2


async def test_an_api_that_is_not_there_is_told_too(http, caplog):
    async with RerankServer("jina") as server:
        one = asking(api(server), http)
    await failure(one)

    (told,) = (record for record in caplog.records if record.name.startswith("proxy"))
    assert (told.reason, told.status, told.word) == ("remote_error", 0, "")


async def test_nothing_is_asked_after_the_deadline(http):
    async with RerankServer("jina") as server:
        assert (await failure(asking(api(server), http), -1)).reason is Reason.LATE

    assert server.asked == []


async def test_a_hedge_that_fails_first_does_not_end_the_call(http):
    async with RerankServer("jina") as server:
        one = await warmed(asking(api(server, hedge_share=0.1), http))
        server.behaviour = Script(slow(0.05), DOWN)

        assert await scores(one) == [0.25, 0.75]
        assert one.figures()["hedges"] == 1


async def test_figures_say_what_it_came_to(http):
    async with RerankServer("jina", Script(DOWN, BUSY, status("200 OK", b"[]"), honest)) as server:
        one = asking(api(server), http, clock=(clock := Clock()))
        for _ in range(3):
            await failure(one)
            clock.now += 1
        await scores(one)

    figures = one.figures()
    assert {
        name: figures[name] for name in ("calls", "failed", "rate_limited", "bad_answers", "retries")
    } == {
        "calls": 4,
        "failed": 3,
        "rate_limited": 1,
        "bad_answers": 1,
        "retries": 0,
    }
