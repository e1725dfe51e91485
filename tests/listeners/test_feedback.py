"""Feedback over sockets: what is taken, what is refused, and that nothing of it ends up in a log."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import asynccontextmanager

import httpx
import pytest

from proxy.errors import BadConfig
from proxy.evidence.feedback import Feedback, Heard
from proxy.listeners.feedback import AT_ONCE, MAX_BODY, Allowance, FeedbackListener
from proxy.policy_evidence import Feedback as Settings
from tests.fakes.clocks import Clock
from tests.fakes.observations import observation

EXCHANGE = "00000000000000e1"
TRACE = "0af7651916cd43dd8448eb211c80319c"
KEY = "a-key-that-nobody-guesses"
JSON = {"content-type": "application/json"}


@asynccontextmanager
async def listening(allowance=None, **settings):
    """Run a listener that has seen one answer; gives a client, and what hears."""
    told = Settings.model_validate({"listen": "127.0.0.1:0", **settings})
    feedback = Feedback(told, clock=Clock())
    feedback.tell(observation(exchange=EXCHANGE, trace=TRACE))
    listener = FeedbackListener(told, feedback, allowance=allowance)
    await listener.start()
    try:
        async with httpx.AsyncClient(base_url="http://{}:{}".format(*listener.address)) as client:
            yield client, feedback
    finally:
        await listener.close(1.0)


def said(**told):
    return {"exchange": EXCHANGE, **told}


async def test_an_application_says_what_was_of_use_in_one_line():
    async with listening() as (client, feedback):
        answer = await client.post("/v1/feedback", json={"exchange": EXCHANGE, "used": ["d1"]})

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"taken": 1, "unknown": 0, "unknown_ids": 0, "items": ["taken"]}
        assert feedback.totals()["taken"] == 1


async def test_many_are_told_at_once_and_each_is_answered():
    async with listening() as (client, _):
        posts = [
            said(clicked=["odd"]),
            {"trace": TRACE, "used": ["d0", "d9"]},
            said(used=["d1"]),
            {"exchange": "f" * 16, "cited": [1]},
        ]
        answer = (await client.post("/v1/feedback", json=posts)).json()

    assert answer == {
        "taken": 1,
        "unknown": 1,
        "unknown_ids": 2,
        "items": ["not_shown", "taken", "already_counted", "unknown"],
    }


async def test_only_who_has_the_key_is_heard():
    async with listening(api_key=KEY) as (client, feedback):
        for header in ({}, {"authorization": KEY}, {"authorization": f"Bearer {KEY}x"}):
            refused = await client.post("/v1/feedback", json=said(used=["d1"]), headers=header)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert refused.json()["error"] == "unauthorized"
        assert feedback.totals()["taken"] == 0

        key = {"authorization": f"bearer {KEY}"}
        assert (await client.post("/v1/feedback", json=said(used=["d1"]), headers=key)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_feedback_is_posted(method):
    async with listening() as (client, _):
        answer = await client.request(method, "/v1/feedback")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("path", ["/", "/v1/feedback/", "/evidence", "/live", "/v2/rerank"])
async def test_nothing_else_is_served(path):
    async with listening() as (client, _):
        answer = await client.post(path, json=said(used=["d1"]))

    assert answer.status_code == 404
    assert answer.json() == {"error": "not_found", "message": "there is /v1/feedback"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {**JSON, "content-encoding": "gzip"},
    ],
)
async def test_what_a_page_may_send_unasked_is_refused(headers):
    async with listening() as (client, feedback):
        answer = await client.post("/v1/feedback", content=json.dumps(said(used=["d1"])), headers=headers)

    assert answer.status_code == 415
    assert feedback.totals()["taken"] == 0


async def test_json_may_say_its_charset():
    async with listening() as (client, _):
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        body = json.dumps(said(used=["d1"]))

        assert (await client.post("/v1/feedback", content=body, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body should be JSON"),
        (b"{", "the body should be JSON"),
        (b"\xff", "the body should be JSON"),
        (b"[]", "a list should hold 1 to 256 objects"),
        (b'{"exchange": "secret", "used": []}', "the body: exchange should be 16 hexadecimal digits"),
    ],
)
async def test_what_is_no_feedback_is_a_bad_request(body, message):
    async with listening() as (client, _):
        answer = await client.post("/v1/feedback", content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.json() == {"error": "bad_request", "message": message}


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    async with listening() as (client, _):
        answer = await client.post("/v1/feedback", content=b" " * (MAX_BODY + 1), headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["message"] == "a body may have 256 KiB"


async def test_a_body_without_a_length_is_bounded_too():
    async def endless():
        for _ in range(64):
            yield b" " * 8192

    async with listening() as (client, _):
        answer = await client.post("/v1/feedback", content=endless(), headers=JSON)

    assert answer.status_code == 413


async def test_more_than_its_share_is_put_off():
    clock = Clock()
    async with listening(Allowance(rate=10, burst=2, clock=clock)) as (client, _):
        statuses = []
        for wait in (0, 0, 0.05, 1.0):
            clock.now += wait
            answer = await client.post("/v1/feedback", json=said(used=["x"]))
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert answer.headers["retry-after"] == "1"

    assert statuses == [200, 429, 200, 200]


async def test_a_list_costs_as_much_as_its_items():
    async with listening(Allowance(rate=0, burst=10, clock=Clock())) as (client, _):
        statuses = [
            (await client.post("/v1/feedback", json=[said(used=["x"])] * items)).status_code
            for items in (11, 6, 6, 3)
        ]

    assert statuses == [429, 200, 429, 200]


async def test_a_trace_costs_as_much_as_its_answers():
    clock = Clock()
    async with listening(Allowance(rate=1, burst=10, clock=clock)) as (client, feedback):
        for number in range(19):
            feedback.tell(observation(exchange=f"{number:016x}", trace=TRACE))
        statuses = []
        for wait in (0, 0, 5, 10):
            clock.now += wait
            answer = await client.post("/v1/feedback", json={"trace": TRACE, "used": ["odd"]})
            statuses.append(answer.status_code)

    # Twenty of a burst of ten: the other ten, and one for the next, have to come in first.
    assert statuses == [200, 429, 429, 200]


class Slow:
    """Hears in many steps, and notes how often others had their turn by then."""

    def __init__(self):
        self.turns, self.seen = 0, []

    async def others(self):
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    def hear(self, _post):
        for _ in range(25):
            self.seen.append(self.turns)
            yield Heard("taken", 0)


async def test_others_have_their_turn_while_a_trace_is_heard():
    settings, slow = Settings(listen="127.0.0.1:0"), Slow()
    listener = FeedbackListener(settings, slow)
    await listener.start()
    others = asyncio.create_task(slow.others())
    async with httpx.AsyncClient(base_url="http://{}:{}".format(*listener.address)) as client:
        answer = await client.post("/v1/feedback", json=[{"trace": TRACE, "used": ["odd"]}] * 3)
    others.cancel()
    await listener.close(1.0)

    assert answer.json()["items"] == ["taken"] * 3
    assert len(slow.seen) == 75
    assert all(slow.seen[step] > slow.seen[step - AT_ONCE] for step in range(AT_ONCE, 75))


async def test_a_long_list_is_heard_piece_by_piece_and_answered_in_order():
    async with listening() as (client, _):
        posts = [said(used=["odd"])] * 40 + [said(used=["d1"])] + [{"exchange": "f" * 16, "used": []}] * 40
        answer = (await client.post("/v1/feedback", json=posts)).json()

    assert answer["items"] == ["not_shown"] * 40 + ["taken"] + ["unknown"] * 40
    assert (answer["taken"], answer["unknown"], answer["unknown_ids"]) == (1, 40, 40)


async def test_a_connection_serves_one_after_the_other():
    async with listening() as (client, _):
        for body in (said(used=["odd"]), {}, said(used=["d1"])):
            await client.post("/v1/feedback", json=body)
        pool = client._transport._pool

        assert len(pool.connections) == 1


async def test_broken_http_is_answered():
    async with listening() as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST /v1/feedback HTTP/1.1\r\nhost: a\r\nexpect: magic\r\ncontent-length: 2\r\n\r\n")
        head = await reader.readuntil(b"\r\n")
        writer.close()

    assert b" 417 " in head


async def test_who_waits_for_permission_gets_it():
    body = json.dumps(said(used=["d1"])).encode()
    async with listening() as (client, _):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(
            b"POST /v1/feedback HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        assert b" 200 " in await reader.readuntil(b"\r\n")
        writer.close()


async def test_nothing_that_is_posted_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    async with listening(api_key=KEY) as (client, _):
        key = {"authorization": f"Bearer {KEY}"}
        await client.post("/v1/feedback", json=said(used=["my secret id"]), headers=key)
        await client.post("/v1/feedback", json={"exchange": "my secret id", "used": []}, headers=key)
        await client.post("/v1/feedback", json=[], headers={"authorization": "my secret id"})

    logged = [
        f"{record.getMessage()} {vars(record)}"
        for record in caplog.records
        if record.name.startswith("proxy")
    ]
    assert logged
    for content in ("secret", EXCHANGE, KEY):
        assert not any(content in line for line in logged)


async def test_an_address_in_use_is_a_clear_mistake():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadConfig, match=rf"feedback.listen: 127.0.0.1:{port} - a free address"):
            async with listening(listen=f"127.0.0.1:{port}"):
                pass
