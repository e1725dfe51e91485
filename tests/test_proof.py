"""What a policy asks for as proof, from an app's search to what is told of it."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import orjson
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from proxy.stats.team_draft import team_draft
from proxy.telemetry import Telemetry
from tests.fakes.front import fronted
from tests.fakes.odd_scorers import Reversing

STORE_ORDER = [f"row-{row}" for row in range(20)]
FEEDBACK = {"feedback": {"listen": "127.0.0.1:0"}, "secret": "for this test alone"}
HARMED = [{"query": f"question {number}", "relevant": {"row-0": 1}} for number in range(200)]


class Scorer(Reversing):
    """Reverses the store's order; counts what it is asked, and can be held up."""

    def __init__(self):
        super().__init__(name="local")
        self.asked = 0
        self.free = asyncio.Event()
        self.free.set()

    async def score(self, job):
        self.asked += 1
        await self.free.wait()
        return await super().score(job)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it happens behind an answer
            await asyncio.sleep(0.005)


async def until_told(front, known):
    """Wait until what is known is so."""
    async with asyncio.timeout(10):
        while not known(await front.app.operations.proof.evidence()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)


async def post(front, *posts):
    host, port = front.app.feedback_address
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{host}:{port}/v1/feedback", json=list(posts)) as answer,
    ):
        return answer.status


async def evidence(front):
    status, told = await front.admin("/evidence")
    assert status == 200
    return told


# --- shadow -------------------------------------------------------------------------------------


async def test_a_search_in_shadow_gets_the_store_s_bytes_and_is_ranked_behind_them():
    scorer = Scorer()
    async with fronted({"local": scorer}, rule={"mode": "shadow"}) as front:
        await front.app.loaded()
        headers, body = await front.ask()
        await until(lambda: scorer.asked)
        await until_told(front, lambda told: told["shadow"])
        told = next(iter((await evidence(front))["shadow"].values()))

    assert body["ids"][0] == STORE_ORDER
    assert (headers["x-midrank"], headers["x-midrank-reason"]) == ("passed", "shadow")
    assert "server-timing" not in headers
    assert (told["searches"], told["shed"], told["overlap"], told["displaced_top1"]) == (1, 0, 1.0, 1.0)
    assert told["rank_biased_overlap"] < 1
    assert told["outcomes"] == {"reranked": 1}
    assert told["added_p50"] > 0


async def test_in_shadow_one_search_is_ranked_at_a_time_and_the_others_are_shed_and_counted():
    scorer = Scorer()
    async with fronted({"local": scorer}, rule={"mode": "shadow"}) as front:
        await front.app.loaded()
        scorer.free.clear()
        await front.ask()
        await until(lambda: scorer.asked)
        for _ in range(3):
            await front.ask()
        scorer.free.set()
        await until_told(front, lambda told: any(one["searches"] for one in told["shadow"].values()))
        told = next(iter((await evidence(front))["shadow"].values()))

    assert (told["searches"], told["shed"], scorer.asked) == (1, 3, 1)


# --- experiments --------------------------------------------------------------------------------


async def test_an_interleaved_page_is_a_draft_of_both_orders_and_feedback_counts_for_one_of_them():
    rule = {"experiment": {"kind": "interleave"}}
    async with fronted({"local": Scorer()}, rule=rule, **FEEDBACK) as front:
        await front.app.loaded()
        pages = {}
        for number in range(20):
            headers, body = await front.ask(f"question {number}")
            pages[headers["x-midrank-exchange"]] = body["ids"][0]
            assert headers["x-midrank"] == "reranked"
            assert headers["x-midrank-experiment"] == "interleave"
        # Everyone uses what the reranker has put first.
        statuses = [await post(front, {"exchange": one, "used": ["row-19"]}) for one in pages]
        told = next(iter((await evidence(front))["experiments"]["collections"].values()))

    assert set(statuses) == {200}
    drafts = {
        tuple(
            STORE_ORDER[place]
            for place in team_draft(range(20), range(19, -1, -1), random.Random(coin)).order
        )
        for coin in range(100)
    }
    assert all(sorted(page) == sorted(STORE_ORDER) for page in pages.values())
    assert {page[0] for page in pages.values()} == {"row-0", "row-19"}
    assert {tuple(page[:2]) for page in pages.values()} <= {draft[:2] for draft in drafts}
    assert (told["interleave"]["wins"], told["interleave"]["losses"]) == (20, 0)
    assert "reranked order is preferred" in told["interleave"]["verdict"]


async def test_the_same_query_is_drawn_alike_so_that_its_pages_fit():
    rule = {"experiment": {"kind": "interleave"}}
    async with fronted({"local": Scorer()}, rule=rule, **FEEDBACK) as front:
        await front.app.loaded()
        pages = [(await front.ask("the same"))[1]["ids"][0] for _ in range(3)]

    assert pages[0] == pages[1] == pages[2]


async def test_an_ab_test_leaves_its_control_to_the_store_and_says_so():
    rule = {"experiment": {"kind": "ab", "share": 0.5, "header": "x-user"}}
    async with fronted({"local": Scorer()}, rule=rule, **FEEDBACK) as front:
        await front.app.loaded()
        sides = {}
        for user in map(str, range(40)):
            headers, body = await front.ask(headers={"x-user": user})
            again, _ = await front.ask(headers={"x-user": user})
            side = headers["x-midrank-experiment"]
            assert again["x-midrank-experiment"] == side
            sides.setdefault(side, []).append((headers, body["ids"][0]))
        nobody, _ = await front.ask()
        for headers, _ in sides["treatment"]:
            await post(front, {"exchange": headers["x-midrank-exchange"], "clicked": ["row-19"]})
        trial = next(iter((await evidence(front))["experiments"]["collections"].values()))["ab"]

    assert set(sides) == {"control", "treatment"}
    for headers, page in sides["control"]:
        assert (headers["x-midrank"], headers["x-midrank-reason"]) == ("passed", "control")
        assert page == STORE_ORDER
    for headers, page in sides["treatment"]:
        assert (headers["x-midrank"], page) == ("reranked", STORE_ORDER[::-1])
    assert "x-midrank-experiment" not in nobody
    assert trial["treatment_callers"] == len(sides["treatment"])
    assert trial["control_callers"] == len(sides["control"])


# --- the harm guard -----------------------------------------------------------------------------


@pytest.fixture
def probes(tmp_path):
    path = tmp_path / "probes.jsonl"
    path.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in HARMED))
    return str(path)


async def test_a_collection_that_is_harmed_is_left_in_the_store_s_order_until_it_is_reset(probes):
    guard = {"probes": probes, "auto_off": True}
    scorer = Scorer()
    async with fronted({"local": scorer}, harm_guard=guard) as front:
        await front.app.loaded()
        for asked, probe in enumerate(HARMED):  # noqa: B007 - how many were asked counts below
            headers, _ = await front.ask(probe["query"])
            if headers["x-midrank"] != "reranked":
                break
        off = await front.search("any other words")
        _, body = await front.ask("any other words")
        before = scorer.asked
        again = await front.search(HARMED[0]["query"])
        await until(lambda: scorer.asked > before)
        (known,) = (await evidence(front))["harm"]["collections"]
        assert front.app.operations.proof.reset(known["store"], known["collection"])
        back = await front.search("any other words")

    assert asked < len(HARMED) - 1
    assert off == again == ("passed", "auto_off", None)
    assert body["ids"][0] == STORE_ORDER
    assert back[0] == "reranked"


async def test_probes_of_a_switched_off_collection_wait_for_each_other(probes):
    """They are what switches it on again, and whoever sends them is faster than a model."""
    scorer = Scorer()
    async with fronted({"local": scorer}, harm_guard={"probes": probes, "auto_off": True}) as front:
        await front.app.loaded()
        for probe in HARMED:
            headers, _ = await front.ask(probe["query"])
            if headers["x-midrank"] != "reranked":
                break
        scorer.free.clear()
        for probe in HARMED[-30:]:
            await front.ask(probe["query"])
        scorer.free.set()
        await until_told(front, lambda told: sum(one["searches"] for one in told["shadow"].values()) >= 30)
        told = next(iter((await evidence(front))["shadow"].values()))

    assert told["shed"] == 0


async def test_without_auto_off_harm_is_told_and_nothing_else(probes):
    async with fronted({"local": Scorer()}, harm_guard={"probes": probes}) as front:
        await front.app.loaded()
        told = {(await front.ask(probe["query"]))[0]["x-midrank"] for probe in HARMED}
        (known,) = (await evidence(front))["harm"]["collections"]

    assert told == {"reranked"}
    assert known["alarm"]


async def test_a_reference_model_looks_behind_the_answer(tmp_path):
    """It prefers the store's order, and is never asked for what an app waits for."""
    guard = {"reference": "judge", "reference_share": 1.0}
    judge = Scorer()
    judge.name = "judge"
    async with fronted({"local": Scorer()}, harm_guard=guard, more_models={"judge": judge}) as front:
        await front.app.loaded()
        await front.ask("one")
        await until_told(front, lambda told: told["harm"]["collections"])
        (known,) = (await evidence(front))["harm"]["collections"]

    assert judge.asked == 1
    assert known


# --- records ------------------------------------------------------------------------------------


async def test_searches_are_recorded_as_digests(tmp_path):
    folder = tmp_path / "records"
    async with fronted({"local": Scorer()}, record={"folder": str(folder)}) as front:
        await front.app.loaded()
        headers, _ = await front.ask("secret words")
    (file,) = await asyncio.to_thread(lambda: list(folder.glob("*")))
    written = await asyncio.to_thread(file.read_bytes)
    record = orjson.loads(written.splitlines()[0])

    assert record["exchange"] == headers["x-midrank-exchange"]
    assert b"secret words" not in written
    assert b"ordinary words" not in written


async def test_nothing_is_told_apart_without_anyone_who_watches():
    async with fronted({"local": Scorer()}) as front:
        await front.app.loaded()
        headers, _ = await front.ask()
        status, _ = await front.admin("/evidence")

    assert not [name for name in headers if "exchange" in name.lower() or "experiment" in name.lower()]
    assert status == 404


# --- metrics ------------------------------------------------------------------------------------


async def test_all_of_it_is_exported_by_store_and_collection(probes, tmp_path):
    reader = InMemoryMetricReader()
    telemetry = Telemetry(None, MeterProvider(metric_readers=[reader]).get_meter("test"))
    policy = {
        "rule": {"experiment": {"kind": "interleave"}},
        "harm_guard": {"probes": probes},
        "record": {"folder": str(tmp_path / "records")},
        **FEEDBACK,
    }
    async with fronted({"local": Scorer()}, telemetry=telemetry, **policy) as front:
        await front.app.loaded()
        headers, _ = await front.ask(HARMED[0]["query"])
        await post(front, {"exchange": headers["x-midrank-exchange"], "used": ["row-19"]})
        exported = await asyncio.to_thread(reader.get_metrics_data)

    points = {
        (metric.name, point.attributes.get("midrank.kind")): point
        for resource in exported.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert points["midrank.preference", None].value == 1
    assert points["midrank.preference.answers", "reranked"].value == 1
    assert points["midrank.harm.lift", "probes"].value == -1
    assert points["midrank.harm.alarm", None].value == 0
    assert ("midrank.records", "written") in points
    place = points["midrank.harm.lift", "probes"].attributes
    assert (place["midrank.store"], place["db.collection.name"]) == ("chroma", "load"), (
        "by its name, which the store was asked for"
    )
