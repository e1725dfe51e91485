"""midrank behind midrank: what one serves, the other can ask."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.app import App
from proxy.policy import Policy
from proxy.policy_remote import RemoteModel
from proxy.scoring.base import ScoreJob
from proxy.scoring.remote.from_policy import remote_scorer
from tests.fakes.odd_scorers import TermOverlap
from tests.fakes.remotes import in_time

pytestmark = pytest.mark.wire

KEY = "sk-of-our-own"


class Share(TermOverlap):
    """Scores a text by the share of three words that it holds."""

    def formula(self, job):
        return super().formula(job) / np.float32(3)


TEXTS = ("nothing of it", "a cat and a dog", "a cat", "a cat, a dog, a bird")


@pytest.fixture
async def url():
    api = {"listen": "127.0.0.1:0", "api_key": KEY, "at_least": 1}
    app = App(
        Policy.model_validate({"rerank_api": api, "cache": {"memory_mb": 0}}),
        scorers={"default": Share()},
    )
    await app.start()
    await app.loaded()
    yield "http://{}:{}".format(*app.rerank_api_address)
    await app.close()


@pytest.mark.parametrize("dialect", ["cohere_v2", "jina", "localai", "xinference", "llama_cpp", "tei"])
async def test_its_own_api_is_asked_like_any_other(url, dialect):
    model = RemoteModel(kind="remote", dialect=dialect, url=url, model="default", api_key=KEY)
    scorer = remote_scorer("api", model)
    await scorer.start()
    scores = await scorer.score(ScoreJob("cat dog bird", TEXTS, in_time()))
    await scorer.close()

    assert np.argsort(-scores.values).tolist() == [3, 1, 2, 0]
