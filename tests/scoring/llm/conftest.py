"""Scorers over a chat model on a real socket."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from proxy.policy_llm import LlmModel
from proxy.scoring.base import ScoreJob
from proxy.scoring.llm.build import llm_scorer
from tests.fakes.llm_server import LlmServer


@pytest.fixture
async def server():
    async with LlmServer() as running:
        yield running


@pytest.fixture
def scorer_of(server):
    """Give what makes a started scorer out of keys of the policy, as a context manager."""

    @asynccontextmanager
    async def make(**keys):
        model = LlmModel.model_validate(
            {"kind": "llm", "api": "openai", "url": server.url, "model": "m", **keys}
        )
        scorer = llm_scorer("judge", model)
        await scorer.start()
        try:
            yield scorer
        finally:
            await scorer.close()

    return make


@pytest.fixture
def job():
    """Give what makes a job: texts that deserve these points, and seconds that there are."""

    def make(points, seconds=30.0, **more):
        deadline = asyncio.get_running_loop().time() + seconds if seconds < math.inf else math.inf
        texts = tuple(f"text {place} deserves [{one}] points" for place, one in enumerate(points))
        return ScoreJob("what is it?", texts, deadline, **more)

    return make
