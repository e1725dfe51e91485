"""How a model is asked: in time, not too often at once, again where it helps; and no secrets in a log."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.errors import BadConfig, Unscored
from proxy.model import Reason
from proxy.scoring.llm.spending import Purse
from tests.fakes.llm_server import Fault

POINTWISE = {"method": "pointwise"}
BUSY = Fault(429, headers={"retry-after-ms": "20"})


async def reason_of(scorer, job):
    with pytest.raises(Unscored) as unscored:
        await scorer.score(job)
    return unscored.value.reason


async def test_no_more_calls_run_at_once_than_are_allowed(server, scorer_of, job):
    server.gate.clear()
    async with scorer_of(**POINTWISE, concurrency=3) as scorer, asyncio.TaskGroup() as group:
        group.create_task(scorer.score(job(range(8))))
        group.create_task(scorer.score(job(range(8))))
        await server.until_asked(3)
        server.gate.set()

    assert len(server.asked) == 16
    assert server.most_at_once == 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.REMOTE_REFUSED),
        (401, Reason.REMOTE_DENIED),
        (402, Reason.REMOTE_DENIED),
        (404, Reason.REMOTE_REFUSED),
        (302, Reason.BAD_RESPONSE),
        (204, Reason.BAD_RESPONSE),
    ],
)
async def test_what_would_fail_again_is_not_tried_again(server, scorer_of, job, status, reason):
    server.faults.extend([Fault(status, b"", {"location": "http://127.0.0.1:1/"})] * 3)
    async with scorer_of() as scorer:
        assert await reason_of(scorer, job([1, 2])) is reason
        assert scorer.figures()["llm_cost"] == 0

    assert len(server.asked) == 1


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"choices": [{"message": {"content": "{\\"ranking\\": [2, 1',
        b'{"error": {"message": "quota"}}',
        b'{"choices": [{"message": {"content": NaN}}]}',
        b"[" * 100_000,
        b'{"content": "' + b"x" * 17 * 2**20 + b'"}',
    ],
    ids=["empty", "html", "cut off", "error", "nan", "deep", "oversized"],
)
async def test_junk_with_status_200_is_no_answer(server, scorer_of, job, api, body):
    server.faults.append(Fault(200, body))
    async with scorer_of(api=api) as scorer:
        assert await reason_of(scorer, job([1, 2])) is Reason.BAD_RESPONSE

    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", [Fault(500), Fault(503), Fault(529), Fault(0)])
async def test_what_may_pass_is_tried_again(server, scorer_of, job, fault):
    server.faults.append(fault)
    async with scorer_of() as scorer:
        scores = await scorer.score(job([1, 2]))
        figures = scorer.figures()

    assert scores.values.tolist() == [1, 2]
    assert (figures["llm_calls"], figures["llm_retries"]) == (2, 1)


@pytest.mark.parametrize("fault", [Fault(500), Fault(0), Fault(302), Fault(204), Fault(200, b"junk")])
async def test_what_has_reached_the_server_may_have_to_be_paid(server, scorer_of, job, fault):
    server.faults.extend([fault] * 3)
    async with scorer_of(prices={"input": 1, "output": 1}) as scorer:
        scorer.spend_from(purse := Purse())
        await reason_of(scorer, job([1, 2]))

    assert purse.spent > len(server.asked) * 1024e-6


@pytest.mark.parametrize("status", [400, 401, 429])
async def test_what_the_server_refuses_is_free(server, scorer_of, job, status):
    server.faults.append(Fault(status, headers={"Retry-After": "60"}))
    async with scorer_of(prices={"input": 1, "output": 1}) as scorer:
        scorer.spend_from(purse := Purse())
        await reason_of(scorer, job([1, 2]))

    assert purse.spent == 0


async def test_a_server_that_stays_down_is_given_up(server, scorer_of, job):
    server.faults.extend([Fault(500)] * 9)
    async with scorer_of() as scorer:
        assert await reason_of(scorer, job([1, 2])) is Reason.REMOTE_ERROR

    assert len(server.asked) == 3


async def test_nothing_is_tried_again_after_the_deadline(server, scorer_of, job):
    server.faults.extend([Fault(503, headers={"Retry-After": "1"})] * 9)
    async with scorer_of() as scorer:
        assert await reason_of(scorer, job([1, 2], seconds=0.9)) is Reason.REMOTE_ERROR

    assert len(server.asked) == 1


async def test_a_rate_limit_is_waited_for_as_long_as_there_is_time(server, scorer_of, job):
    server.faults.extend([BUSY] * 5)
    async with scorer_of() as scorer:
        scores = await scorer.score(job([1, 2]))

    assert scores.values.tolist() == [1, 2]
    assert len(server.asked) == 6


async def test_a_rate_limit_beyond_the_deadline_is_not_waited_for(server, scorer_of, job):
    server.faults.append(Fault(429, headers={"Retry-After": "60"}))
    async with scorer_of() as scorer:
        with pytest.raises(Unscored) as unscored:
            await scorer.score(job([1, 2]))
        # Nor is anything asked before then.
        assert await reason_of(scorer, job([1, 2])) is Reason.RATE_LIMITED

    assert unscored.value.reason is Reason.RATE_LIMITED
    assert 50 < unscored.value.retry_after <= 60
    assert len(server.asked) == 1


async def test_an_answer_that_does_not_come_is_late(server, scorer_of, job):
    server.gate.clear()
    async with scorer_of(prices={"input": 1, "output": 1}) as scorer:
        assert await reason_of(scorer, job([1, 2], seconds=0.05)) is Reason.LATE
        # Next time it is known before.
        assert scorer.reach(job([1, 2], seconds=0.01)) == 0
        # It may have been computed, and billed.
        assert scorer.figures()["llm_output_tokens_estimated"] == 1024
        assert scorer.figures()["llm_cost"] > 0


async def test_a_call_that_hangs_is_made_again_while_there_is_time(server, scorer_of, job):
    server.gate.clear()
    async with scorer_of(timeout_s=0.05) as scorer, asyncio.TaskGroup() as group:
        scores = group.create_task(scorer.score(job([1, 2])))
        await server.until_asked(2)
        server.gate.set()

    assert scores.result().values.tolist() == [1, 2]


async def test_a_job_whose_time_is_over_asks_nothing(server, scorer_of, job):
    async with scorer_of() as scorer:
        assert await reason_of(scorer, job([1, 2], seconds=-1)) is Reason.LATE

    assert server.asked == []


async def test_a_server_that_is_not_there_is_a_remote_error(server, scorer_of, job):
    async with scorer_of(url="http://127.0.0.1:1", prices={"input": 1, "output": 1}) as scorer:
        scorer.spend_from(purse := Purse())
        assert await reason_of(scorer, job([1, 2], seconds=0.3)) is Reason.REMOTE_ERROR
        assert scorer.figures()["llm_cost"] == purse.spent == 0


async def test_the_key_is_sent_and_never_shown(server, scorer_of, job, caplog):
    server.faults.extend([Fault(401)] * 2)
    caplog.set_level(logging.DEBUG)
    async with scorer_of(api_key="sk-hush") as scorer:
        await reason_of(scorer, job([1, 2]))
        await reason_of(scorer, job([1, 2]))
        shown = repr(scorer) + repr(vars(scorer))

    assert server.asked[0].headers["Authorization"] == "Bearer sk-hush"
    refusals = [record for record in caplog.records if record.getMessage() == "llm refuses"]
    assert [(record.status, record.model) for record in refusals] == [(401, "judge")]
    for hidden in ("sk-hush", "a secret of the server", "deserves"):
        assert hidden not in caplog.text + shown


async def test_a_key_that_was_replaced_is_used_at_once(server, scorer_of, job, tmp_path):
    path = tmp_path / "key"
    path.write_text("old\n")
    server.faults.append(Fault(401))
    async with scorer_of(api_key_file=str(path)) as scorer:
        path.write_text("new\n")
        await scorer.score(job([1, 2]))

    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]


async def test_a_key_file_that_is_not_there_is_a_mistake(scorer_of, tmp_path):
    with pytest.raises(BadConfig, match="api_key_file"):
        async with scorer_of(api_key_file=str(tmp_path / "none")):
            pass


async def test_a_cancelled_job_leaves_no_call_behind(server, scorer_of, job):
    server.gate.clear()
    async with scorer_of(**POINTWISE, concurrency=1) as scorer:
        task = asyncio.get_running_loop().create_task(scorer.score(job(range(3))))
        await server.until_asked(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.gate.set()
        # The one slot is free again.
        await scorer.score(job([1, 2]))
