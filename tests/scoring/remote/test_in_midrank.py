"""A remote model in a running midrank: as its policy says, and never the reason for a failed request."""

from __future__ import annotations

import aiohttp
import pytest

from proxy.app import App
from proxy.policy import Policy
from proxy.scorers import locate_models
from tests.fakes.rerank_faults import hang, reset, status
from tests.fakes.rerank_server import KEY, RerankServer
from tests.fakes.servers import nobody_listening

pytestmark = pytest.mark.wire

BODY = {"query": "what is this?", "documents": ["first: 0.25", "second: 0.75", "third: 0.5"]}


def policy(url: str, **more) -> Policy:
    model = {"kind": "remote", "dialect": "jina", "url": url, "model": "m", "api_key": KEY, **more}
    return Policy.model_validate(
        {
            "models": {"api": model},
            "rerank_api": {"listen": "127.0.0.1:0", "rerank": ["api"], "budget_ms": 200, "at_least": 1},
            "admin": "127.0.0.1:0",
        }
    )


async def asked(app: App) -> tuple[list[int], str | None]:
    """Rerank through midrank; return the order of the documents and the reason, if it is not reranked."""
    url = "http://{}:{}/v1/rerank".format(*app.rerank_api_address)
    async with aiohttp.ClientSession() as session, session.post(url, json=BODY) as answer:
        assert answer.status == 200
        rows = (await answer.json())["results"]
        return [row["index"] for row in rows], answer.headers.get("x-midrank-reason")


async def ready(app: App) -> int:
    url = "http://{}:{}/ready".format(*app.admin_address)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


@pytest.fixture
async def running():
    apps = []

    async def run(url, **more):
        app = App(policy(url, **more))
        apps.append(app)
        await app.start()
        await app.loaded()
        return app

    yield run
    for app in apps:
        await app.close()


async def test_documents_are_ordered_by_the_api_and_its_scores_are_kept(running):
    async with RerankServer("jina", key=KEY) as api:
        app = await running(api.url)

        assert await asked(app) == ([1, 2, 0], None)
        assert await asked(app) == ([1, 2, 0], None)
        assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hang, "late"),
        (reset, "remote_error"),
        (status("200 OK", b'{"error": "no"}'), "bad_response"),
        (status("429 Slow Down"), "rate_limited"),
        (status("403 Forbidden"), "remote_denied"),
    ],
)
async def test_an_api_that_fails_costs_the_reranking_and_no_request(running, fault, reason):
    async with RerankServer("jina", fault, key=KEY) as api:
        app = await running(api.url, retry_share=0)

        assert await asked(app) == ([0, 1, 2], reason)


async def test_an_api_that_is_away_keeps_nobody_from_being_ready(running):
    with nobody_listening() as api:
        app = await running(api.url)
        assert await ready(app) == 200
        assert await asked(app) == ([0, 1, 2], "remote_error")


async def test_a_key_file_that_is_not_there_is_a_model_that_failed(running, tmp_path):
    app = await running("http://127.0.0.1:1", api_key=None, api_key_file=str(tmp_path / "none"))

    assert await asked(app) == ([0, 1, 2], "model_failed")


def test_there_are_no_files_of_it_to_look_for():
    locate_models(policy("http://127.0.0.1:1"))
