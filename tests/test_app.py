"""The composition root: what is up when, and what a broken model means."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from proxy.app import App
from proxy.errors import BadConfig, Mistake
from proxy.policy import Policy
from proxy.scorers import locate_models
from proxy.telemetry import Telemetry
from tests.fakes.odd_scorers import NeverReady, Reversing


def policy(**more):
    return Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}],
            "admin": "127.0.0.1:0",
            **more,
        }
    )


async def ask(app, path):
    host, port = app.admin_address
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{host}:{port}{path}") as answer,
    ):
        return answer.status, await answer.json()


@pytest.fixture
async def started():
    apps = []

    async def start(scorer, **more):
        app = App(policy(**more), scorers={"default": scorer})
        apps.append(app)
        await app.start()
        return app

    yield start
    for app in apps:
        await app.close()


async def test_it_is_alive_and_ready_before_and_warm_after_its_models_are(started):
    app = await started(NeverReady())

    assert await ask(app, "/live") == (200, {"status": "alive"})
    status, told = await ask(app, "/ready")
    assert (status, told["models"], told["policy"]["generation"]) == (200, {"default": "warming"}, 1)
    assert await ask(app, "/warm") == (503, {"status": "warming", "models": {"default": "warming"}})

    app = await started(Reversing())
    await app.loaded()

    assert await ask(app, "/warm") == (200, {"status": "warm", "models": {"default": "ready"}})


async def test_what_models_tell_is_exported_from_any_thread():
    reader = InMemoryMetricReader()
    telemetry = Telemetry(None, MeterProvider(metric_readers=[reader]).get_meter("test"))
    scorer = Reversing()
    scorer.figures = lambda: {"load": asyncio.get_running_loop().is_running() * 0.5}  # asked on the loop
    app = App(policy(), scorers={"default": scorer}, telemetry=telemetry)
    await app.start()

    exported = (await asyncio.to_thread(reader.get_metrics_data)).to_json()

    await app.close()
    assert '"name": "midrank.model.load"' in exported
    assert '"value": 0.5' in exported


async def test_the_event_loop_s_lateness_is_measured(started):
    app = await started(Reversing())
    await asyncio.sleep(0)

    assert "pulse" in {task.get_name() for task in asyncio.all_tasks()}
    await app.close()
    assert "pulse" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_the_admin_port_serves_nothing_else(started):
    assert (await ask(await started(Reversing()), "/reload"))[0] == 404


@pytest.mark.parametrize(
    "error", [MemoryError(), BadConfig((Mistake("m", "models.m", "damaged", "weights"),))]
)
async def test_a_model_that_fails_to_load_is_told_and_the_proxy_stays_up(started, caplog, error):
    class Broken(Reversing):
        async def start(self):
            raise error

    app = await started(Broken())
    await app.loaded()

    assert (await ask(app, "/live"))[0] == 200
    assert (await ask(app, "/ready"))[0] == 200
    assert await ask(app, "/warm") == (200, {"status": "warm", "models": {"default": "failed"}})
    await asyncio.sleep(0)
    assert {"background task failed", "model failed to load"} & set(caplog.messages)


async def test_a_store_that_is_down_is_no_reason_to_be_unready(started):
    app = await started(Reversing())
    await app.loaded()
    host, port = app.addresses["chroma"]

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{host}:{port}/api/v2/heartbeat") as answer,
    ):
        assert answer.status == 502
        assert (await answer.json())["error"] == "upstream_unreachable"
    assert (await ask(app, "/ready"))[0] == 200


async def test_what_was_opened_is_closed_when_a_later_address_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        app = App(policy(admin=f"127.0.0.1:{port}"), scorers={"default": Reversing()})

        with pytest.raises(BadConfig, match="admin"):
            await app.start()

    assert app.addresses == {}


def test_models_that_are_missing_are_all_named(tmp_path):
    model = {"kind": "cross_encoder_onnx", "model": str(tmp_path / "none")}
    asked = policy(models={"a": model, "b": model, "unused": model}, rules=[{"rerank": ["a", "b"]}])

    with pytest.raises(BadConfig) as caught:
        locate_models(asked)

    assert [mistake.key.split(".")[1] for mistake in caught.value.mistakes] == ["a", "b"]
