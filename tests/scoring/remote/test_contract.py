"""Every dialect against an API that does what it should, and against one that does not."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import numpy as np
import pytest

from proxy.model import Reason
from proxy.scoring.remote.dialects import DIALECTS
from proxy.scoring.remote.http import RemoteFailed
from tests.fakes.raw_http import RawStore
from tests.fakes.remotes import LONG, SHORT, api, asking, in_time, texts
from tests.fakes.rerank_faults import BAD, GOOD, redirect, status
from tests.fakes.rerank_server import SHAPES, RerankServer, honest

pytestmark = pytest.mark.wire

TEXTS = texts(0.25, 1, 0.5, 0.0625)


def wanted(dialect: str) -> list[float]:
    """What the scores come to: logits are made probabilities."""
    scores = np.array([0.25, 1, 0.5, 0.0625])
    return (1 / (1 + np.exp(-scores)) if dialect == "llama_cpp" else scores).tolist()


async def said_to_all(http, behaviour, seconds=LONG):
    """Ask an API of every dialect that behaves like this; return scores or the failure, by dialect."""

    async def said(server):
        one = asking(api(server), http)
        try:
            scores = await one.scores("what is this?", TEXTS, in_time(seconds))
        except RemoteFailed as failed:
            return failed
        finally:
            await one.close()
        assert scores.dtype == np.float32
        return scores.tolist()

    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(RerankServer(name, behaviour)) for name in DIALECTS]
        outcomes = await asyncio.gather(*map(said, servers))
        assert [server.complaints for server in servers] == [[] for _ in servers]
    return dict(zip(DIALECTS, outcomes, strict=True))


def test_every_dialect_has_a_fake():
    assert set(DIALECTS) == set(SHAPES)
    assert all(dialect.path == SHAPES[name].path for name, dialect in DIALECTS.items())


async def test_honest_answers_are_read_in_the_order_of_the_texts(http):
    outcomes = await said_to_all(http, honest)

    assert outcomes == {name: pytest.approx(wanted(name)) for name in DIALECTS}


@pytest.mark.parametrize("name", GOOD)
async def test_odd_answers_are_read_too(http, name):
    outcomes = await said_to_all(http, GOOD[name])

    assert outcomes == {name: pytest.approx(wanted(name)) for name in DIALECTS}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_answer_is_a_failure_with_a_reason(http, name):
    behaviour, reason = BAD[name]

    outcomes = await said_to_all(http, behaviour, SHORT if reason is Reason.LATE else LONG)

    assert {one: getattr(failed, "reason", failed) for one, failed in outcomes.items()} == dict.fromkeys(
        DIALECTS, reason
    )


async def test_redirects_are_refused_and_their_target_is_never_contacted(http):
    async with RawStore() as elsewhere:
        outcomes = await said_to_all(http, redirect(elsewhere.url))

        assert {failed.reason for failed in outcomes.values()} == {Reason.BAD_RESPONSE}
        assert elsewhere.connections == 0


async def test_a_text_too_long_for_llama_cpp_is_no_failure_of_the_server(http):
    """It says 500 for it: asking again, or elsewhere, would be in vain."""
    says = b'{"error": {"code": 500, "message": "input is too large to process", "type": "server_error"}}'

    outcomes = await said_to_all(http, status("500 Internal Server Error", says))

    assert (outcomes["llama_cpp"].reason, outcomes["llama_cpp"].transient) == (Reason.REMOTE_REFUSED, False)
    assert (outcomes["vllm"].reason, outcomes["vllm"].transient) == (Reason.REMOTE_ERROR, True)


@pytest.mark.parametrize(
    ("dialect", "line", "reason"),
    [
        ("cohere_v2", "498 Invalid Token", Reason.REMOTE_DENIED),
        ("cohere_v1", "498 Invalid Token", Reason.REMOTE_DENIED),
        ("cohere_v2", "499 Client Closed Request", Reason.REMOTE_ERROR),
        ("tei", "424 Failed Dependency", Reason.REMOTE_ERROR),
        ("jina", "424 Failed Dependency", Reason.REMOTE_REFUSED),
    ],
)
async def test_statuses_mean_what_the_api_means_by_them(http, dialect, line, reason):
    outcomes = await said_to_all(http, status(line))

    assert outcomes[dialect].reason is reason
