"""The harm guard in a running midrank: from the probes that an app sends to the order that it gets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
import orjson
import pytest

from proxy.cli import main
from tests.fakes.front import fronted
from tests.fakes.odd_scorers import Reversing

STORE_ORDER = [f"row-{row}" for row in range(20)]
PROBES = [f"probe {number}" for number in range(60)]


@dataclass
class Turning(Reversing):
    """Ranks the store's last candidate first, until it is told to put the fourth one there."""

    good: bool = False

    def formula(self, job):
        if not self.good:
            return super().formula(job)
        return np.array([text.startswith("Passage 3 ") for text in job.texts], dtype=np.float32)


@pytest.fixture
def probes(tmp_path):
    """Queries for which the store's first row is the best, which a reversing reranker puts last."""
    path = tmp_path / "probes.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"query": one, "relevant": {"row-0": 1}}) for one in PROBES))
    return str(path)


async def first_row(front, words="anything else"):
    headers, body = await front.ask(words)
    return body["ids"][0][0], headers["x-midrank"], headers.get("x-midrank-reason")


async def test_a_harmful_reranker_is_switched_off_until_an_operator_resets_it(probes):
    guard = {"probes": probes, "auto_off": True}
    async with fronted({"local": Reversing(name="local")}, harm_guard=guard) as front:
        await front.app.loaded()
        assert await first_row(front) == ("row-19", "reranked", None)

        for words in PROBES:
            await front.ask(words)

        assert await first_row(front) == ("row-0", "passed", "auto_off")
        status, told = await front.admin("/evidence")
        [known] = told["harm"]["collections"]
        assert status == 200
        assert (known["state"], known["answers"], known["alarm"]["source"]) == ("harmful", "store", "probes")
        assert "Reranking does harm here" in known["verdict"]

        host, port = front.app.admin_address
        which = ["--store", known["store"], "--collection", known["collection"]]
        command = ["evidence", "reset", *which, "--admin", f"{host}:{port}"]
        assert await asyncio.to_thread(main, command) == 0

        assert await first_row(front) == ("row-19", "reranked", None)


async def test_it_comes_back_by_itself_when_the_reranker_has_become_good(tmp_path):
    """Probes are ranked behind the store's answer, whatever the share of others: they are the evidence."""
    path = tmp_path / "probes.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps({"query": one, "relevant": {"row-3": 1}}) for one in PROBES))
    scorer = Turning(name="local")
    guard = {"probes": str(path), "auto_off": True, "recheck_share": 0}
    async with fronted({"local": scorer}, harm_guard=guard) as front:
        await front.app.loaded()
        remaining = iter(PROBES * 20)
        while (await first_row(front))[2] != "auto_off":
            await front.ask(next(remaining))

        scorer.good = True
        while (await first_row(front))[2] == "auto_off":
            await front.ask(next(remaining))

        assert await first_row(front) == ("row-3", "reranked", None)


async def test_without_auto_off_an_alarm_changes_no_answer(probes):
    async with fronted({"local": Reversing(name="local")}, harm_guard={"probes": probes}) as front:
        await front.app.loaded()
        for words in PROBES:
            await front.ask(words)

        assert await first_row(front) == ("row-19", "reranked", None)
        _, told = await front.admin("/evidence")
        assert told["harm"]["collections"][0]["state"] == "harmful"
