"""What a process tells its operators: of the stores, rules, models and searches of the policy in use."""

from __future__ import annotations

from proxy.telemetry import Telemetry
from tests.fakes.front import fronted
from tests.fakes.odd_scorers import NeverReady, Reversing


async def metrics(_accept):
    return b"midrank_build 1.0\n", "text/plain"


async def test_all_is_told_of_searches_stores_rules_and_models():
    async with fronted({"better": NeverReady(), "fast": Reversing()}) as front:
        before = (await front.admin("/status"))[1]
        for _ in range(3):
            await front.search()
        await front.ask(headers={"x-midrank-mode": "off"})
        told = (await front.admin("/status"))[1]

    store = before["stores"]["chroma"]
    assert (before["status"], before["recent"], store["reachable"]) == (
        "ready",
        {"1m": {}, "5m": {}, "15m": {}},
        None,
    )
    store = told["stores"]["chroma"]
    assert (store["kind"], store["connections"], store["reachable"], store["error"]) == (
        "chroma",
        1,
        True,
        None,
    )
    for window in told["recent"].values():
        assert window["chroma"]["searches"] == 4
        assert {"outcome": "passed", "reason": "mode_off", "searches": 1} in window["chroma"]["outcomes"]
        assert window["chroma"]["added_ms"].keys() == {"p50", "p95", "p99"}
    assert {name: one["state"] for name, one in told["models"].items()} == {
        "better": "warming",
        "fast": "ready",
    }
    (rule,) = told["rules"]
    assert (rule["mode"], rule["candidates"], rule["budget_ms"]) == ("on", [20, 20], 30_000)
    assert [one["model"] for one in rule["models"]] == ["better", "fast"]
    assert told["caches"]["memory"].keys() >= {"hits", "entries", "bytes"}
    assert told["process"].keys() >= {"cpus", "cpu_quota", "threads", "loop_lag_ms"}
    assert told["process"]["memory_shares_mb"] == {"models.better": 256, "models.fast": 256, "cache": 64}
    assert told["policy"]["generation"] == 1


async def test_a_store_that_is_away_is_told_as_it_was_seen():
    nobody = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
    async with fronted({"default": Reversing()}, stores=[nobody]) as front:
        host, port = front.app.addresses["chroma"]
        async with front._session.get(f"http://{host}:{port}/api/v2/heartbeat") as answer:
            assert answer.status == 502
        store = (await front.admin("/status"))[1]["stores"]["chroma"]

    assert (store["reachable"], store["error"]) == (False, "upstream_unreachable")
    assert store["answered_s_ago"] is None


async def test_metrics_come_from_telemetry():
    async with fronted({"default": Reversing()}, telemetry=Telemetry(scrape=metrics)) as front:
        host, port = front.app.admin_address
        async with front._session.get(f"http://{host}:{port}/metrics") as answer:
            assert (answer.status, await answer.text()) == (200, "midrank_build 1.0\n")


async def test_another_policy_s_parts_are_told_once_it_is_in_use():
    async with fronted({"default": Reversing()}) as front:
        assert (await front.admin("/cache"))[0] == 200
        old = front.app.policy
        nothing_kept = old.model_copy(update={"rules": (old.rules[0].model_copy(update={"mode": "off"}),)})
        await front.app.reload(nothing_kept)
        status = (await front.admin("/status"))[1]

        assert status["policy"]["generation"] == 2
        assert status["rules"] == [{"store": "*", "collection": "*", "mode": "off"}]
        assert (await front.admin("/cache"))[0] == 404
        assert (await front.admin("/policy?format=json"))[1]["rules"][0]["mode"] == "off"
