"""Harm guards and their probes."""

from __future__ import annotations

import orjson
import pytest

from proxy.evidence.harm_guard import HarmGuard
from proxy.policy_evidence import HarmGuard as Settings
from tests.fakes.clocks import Clock


@pytest.fixture
def probes(tmp_path):
    """Queries `bad 0`, ... whose relevant row is the store's first, and `good 0`, ... whose is its fourth."""
    path = tmp_path / "probes.jsonl"
    path.write_bytes(
        b"\n".join(
            orjson.dumps({"query": f"{kind} {number}", "relevant": {row: 1}})
            for kind, row in (("bad", "d0"), ("good", "d3"))
            for number in range(400)
        )
    )
    return str(path)


@pytest.fixture
async def guarded():
    guards = []

    async def start(*, rank=None, preference=False, now=None, secret=b"", **settings):
        changes = []
        guard = HarmGuard(
            Settings(**settings),
            preference=preference,
            rank=rank,
            secret=secret,
            on_change=changes.append,
            now=now or Clock(),
        )
        guards.append(guard)
        await guard.start()
        return guard, changes

    yield start
    for guard in guards:
        await guard.close()
