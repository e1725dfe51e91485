from __future__ import annotations

import pytest

from proxy.policy_remote import RemoteModel
from proxy.scoring.remote.dialects import DIALECTS
from proxy.scoring.remote.from_policy import remote_scorer, whole
from tests.fakes.remotes import job, no_nan
from tests.fakes.rerank_server import KEY, RerankServer

pytestmark = pytest.mark.wire


def model(**more) -> RemoteModel:
    return RemoteModel(**{"kind": "remote", "dialect": "jina", "model": "m", **more})


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_a_policy_describes_can_be_asked(dialect):
    async with RerankServer(dialect, key=KEY) as server:
        scorer = remote_scorer("api", model(dialect=dialect, url=server.url, api_key=KEY))
        await scorer.start()
        scores = await scorer.score(job(0.0, 1.0))
        await scorer.close()

    expected = [0.5, 0.7311] if dialect == "llama_cpp" else [0.0, 1.0]
    assert (scores.scorer, no_nan(scores.values)) == ("api", expected)
    assert server.complaints == []


async def test_batches_are_as_large_as_the_dialect_allows_or_the_policy():
    async with RerankServer("tei", most=32) as server:
        for more, sizes in (({}, [20, 20]), ({"max_batch": 10}, [10] * 4)):
            server.asked.clear()
            scorer = remote_scorer("api", model(dialect="tei", url=server.url, **more))
            await scorer.start()
            await scorer.score(job(*[0.5] * 40))
            await scorer.close()

            assert [len(asked.texts) for asked in server.asked] == sizes


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://api.jina.ai", "https://api.jina.ai/v1/rerank"),
        ("https://api.jina.ai/v1/rerank", "https://api.jina.ai/v1/rerank"),
        ("https://gateway.example.com/jina", "https://gateway.example.com/jina/v1/rerank"),
        ("http://vllm:8000/v1", "http://vllm:8000/v1/rerank"),
        ("http://v1", "http://v1/v1/rerank"),
    ],
)
def test_the_path_is_added_once(url, endpoint):
    assert whole(url, "/v1/rerank") == endpoint


def test_a_host_s_name_is_no_path():
    assert whole("http://rerank", "/rerank") == "http://rerank/rerank"


def test_hosted_apis_are_where_they_are():
    assert "https://api.jina.ai/v1/rerank" in remote_scorer("api", model()).identity
    assert "https://api.pinecone.io/rerank" in remote_scorer("api", model(dialect="pinecone")).identity


@pytest.mark.parametrize(
    ("more", "pointwise"),
    [
        ({}, True),
        ({"pointwise": False}, False),
        ({"model": "jina-reranker-v3"}, False),
        ({"model": "jina-reranker-v2-base-multilingual"}, True),
        ({"dialect": "vllm", "url": "http://vllm:8000", "model": "jina-reranker-v3"}, True),
    ],
)
def test_models_that_read_the_whole_list_are_known(more, pointwise):
    assert remote_scorer("api", model(**more)).pointwise is pointwise


async def test_a_key_in_a_file_is_read_at_the_start(tmp_path):
    (tmp_path / "key").write_text(KEY)
    async with RerankServer("cohere_v2", key=KEY) as server:
        policy = model(dialect="cohere_v2", url=server.url, api_key_file=str(tmp_path / "key"))
        scorer = remote_scorer("api", policy)
        await scorer.start()
        await scorer.score(job(0.5))
        await scorer.close()

    assert len(server.asked) == 1
