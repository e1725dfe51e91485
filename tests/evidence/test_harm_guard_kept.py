"""What the harm guard keeps in its file: across restarts, damage, and while others have their turn."""

from __future__ import annotations

import asyncio

import pytest

from proxy.evidence.cases import MOST_COLLECTIONS
from proxy.evidence.harm_guard import HarmGuard
from proxy.policy_evidence import HarmGuard as Settings
from tests.fakes.clocks import Clock
from tests.fakes.guards import figures, known, search


async def test_evidence_outlives_the_process(guarded, probes, tmp_path):
    settings = {"probes": probes, "auto_off": True, "file": str(tmp_path / "evidence.json")}
    guard, _ = await guarded(**settings)
    search(guard, "bad", range(50))
    search(guard, "good", range(7), collection="wiki")
    await guard.close()

    other, changes = await guarded(**settings)

    assert other.off("chroma", "docs")
    assert known(other) == known(guard)
    assert other.summary() == guard.summary()
    assert changes == []
    search(other, "good", range(7), collection="wiki")
    assert figures(other)["chroma", "wiki"]["probes_count"] == 7


async def test_a_policy_without_auto_off_takes_effect_at_the_next_start(guarded, probes, tmp_path):
    file = str(tmp_path / "evidence.json")
    guard, _ = await guarded(probes=probes, auto_off=True, file=file)
    search(guard, "bad", range(50))
    await guard.close()

    other, _ = await guarded(probes=probes, auto_off=False, file=file)

    assert not other.off("chroma", "docs")
    assert figures(other)["chroma", "docs"]["state_alarm"] == 1


async def test_queries_are_not_in_the_file(guarded, probes, tmp_path):
    file = tmp_path / "evidence.json"
    guard, _ = await guarded(probes=probes, file=str(file))
    search(guard, "bad", range(5))
    await guard.close()

    assert b"bad" not in file.read_bytes()


async def test_what_is_damaged_is_left_out_and_the_rest_is_not(guarded, probes, tmp_path, caplog):
    file = tmp_path / "evidence.json"
    guard, _ = await guarded(probes=probes, file=str(file))
    search(guard, "good", range(3))
    await guard.close()
    with file.open("ab") as kept:
        kept.write(b'["chroma", "torn"]\n["chroma", "odd", {"alarm": 1}]\n7\n["chroma", "ha')

    other, _ = await guarded(probes=probes, file=str(file))

    assert list(figures(other)) == [("chroma", "docs")]
    assert caplog.messages == ["evidence is damaged in part"]


async def test_a_file_that_cannot_be_written_costs_the_file_alone(guarded, probes, tmp_path, caplog):
    guard, _ = await guarded(probes=probes, file=str(tmp_path / "missing" / "evidence.json"))
    search(guard, "good", range(3))

    await guard.close()

    assert figures(guard)["chroma", "docs"]["probes_count"] == 3
    assert caplog.messages == ["evidence cannot be kept in a file"]


async def test_it_is_kept_while_it_runs(probes, tmp_path):
    file = tmp_path / "evidence.json"
    guard = HarmGuard(Settings(probes=probes, file=str(file)), now=Clock(), keep_every=0.001)
    await guard.start()
    search(guard, "good", range(3))

    while not file.exists():  # noqa: ASYNC110 - it is the other side's file
        await asyncio.sleep(0.001)

    await guard.close()


@pytest.fixture
async def crowded(guarded, probes, tmp_path):
    """A guard that knows as many collections as it may, and its file."""
    file = tmp_path / "evidence.json"
    guard, _ = await guarded(probes=probes, file=str(file))
    for number in range(MOST_COLLECTIONS):
        search(guard, "good", range(1), collection=str(number))
    return guard, file


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_others_have_their_turn_while_it_is_kept(crowded, guarded, probes):
    guard, file = crowded
    closing = asyncio.ensure_future(guard.close())
    await turns(MOST_COLLECTIONS // 4)

    search(guard, "good", range(1, 3), collection=str(MOST_COLLECTIONS - 1))
    await closing

    other, _ = await guarded(probes=probes, file=str(file))
    assert figures(other)["chroma", str(MOST_COLLECTIONS - 1)]["probes_count"] == 3


async def test_whoever_closes_it_while_it_is_kept_loses_nothing(crowded):
    guard, file = crowded
    keeping = asyncio.ensure_future(guard._keep(guard._file))
    await turns(MOST_COLLECTIONS // 4)
    keeping.cancel()

    await guard.close()

    assert len(file.read_bytes().splitlines()) == 1 + MOST_COLLECTIONS
