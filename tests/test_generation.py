"""One policy at work: what it builds can be let go of at any time, and shared where it is described alike."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import BadConfig
from proxy.generation import KINDS, Generation
from proxy.leases import Leases
from proxy.named_files import stamps
from proxy.policy import Policy
from proxy.pulse import Pulse
from proxy.telemetry import Telemetry
from tests.fakes.odd_scorers import Reversing

MODEL = {"kind": "late_interaction"}
STORE = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}


def everything(folder):
    """Return a policy with a part of every kind."""
    (folder / "probes").write_bytes(b'{"query": "question", "relevant": {"row-0": 1}}')
    return {
        "stores": [STORE, {**STORE, "name": "second"}],
        "models": {
            "local": MODEL,
            "remote": {"kind": "remote", "dialect": "tei", "url": "http://127.0.0.1:1"},
        },
        "rules": [
            {
                "rerank": ["local", "remote"],
                "cache": {"semantic": {"embed": True}},
                "experiment": {"kind": "interleave"},
            }
        ],
        "cache": {"redis": {"url": "redis://127.0.0.1:1"}},
        "secret": "for this test alone",
        "rerank_api": {"listen": "127.0.0.1:0", "rerank": ["local"]},
        "record": {"folder": str(folder)},
        "feedback": {"listen": "127.0.0.1:0"},
        "harm_guard": {
            "probes": str(folder / "probes"),
            "reference": "remote",
            "file": str(folder / "known"),
        },
    }


class Builder:
    """Builds generations, with models that do nothing."""

    def __init__(self):
        self.leases = Leases()
        self.built = []

    def __call__(self, policy, files=None):
        policy = Policy.model_validate(policy)
        return Generation(
            policy,
            self.leases.holding(),
            build=self._build,
            telemetry=Telemetry(),
            pulse=Pulse(),
            files=files or {},
        )

    def _build(self, name, model):
        self.built.append(name)
        return Reversing(name)


def kinds(builder):
    return {held.kind for held in builder.leases._all}


async def test_it_can_be_let_go_of_before_it_starts(tmp_path):
    builder = Builder()
    generation = builder(everything(tmp_path))
    assert kinds(builder) == set(KINDS)

    await generation.close()

    assert kinds(builder) == set()


async def test_it_can_be_let_go_of_while_its_models_load(tmp_path):
    builder = Builder()
    generation = builder(everything(tmp_path))
    await generation.start()

    await generation.close()

    assert kinds(builder) == set()


async def test_two_of_the_same_policy_share_all_there_is(tmp_path):
    builder = Builder()
    first = builder(everything(tmp_path))
    parts = len(builder.leases)
    await first.start()
    second = builder(everything(tmp_path))
    await second.start(first)

    assert len(builder.leases) == parts
    assert builder.built == ["local", "remote"]

    await second.succeed(first)
    assert await first.stop(1) == 0
    await first.close()
    assert len(builder.leases) == parts
    await second.close()
    assert len(builder.leases) == 0


async def test_a_model_is_built_anew_with_a_file_that_it_names(tmp_path):
    builder, authority = Builder(), tmp_path / "ca.pem"
    remote = {"kind": "remote", "dialect": "tei", "url": "https://127.0.0.1:1", "ca_file": str(authority)}
    policy = {"stores": [STORE], "models": {"remote": remote, "local": MODEL}}
    policy["rules"] = [{"rerank": ["remote", "local"]}]

    for content in (None, "a", "a", "another"):
        if content is not None and (not authority.exists() or authority.read_text() != content):
            authority.write_text(content)
        builder(policy, await asyncio.to_thread(stamps, Policy.model_validate(policy)))

    assert builder.built == ["remote", "local", "remote", "remote"]


async def test_a_store_s_connections_are_opened_once(tmp_path):
    generation = Builder()({"stores": [STORE, {**STORE, "name": "second"}], "rules": [{"mode": "off"}]})

    await generation.start()  # a session that is left open would fail this test
    await generation.close()


async def test_it_says_what_could_not_be_bound(tmp_path):
    builder = Builder()
    first = builder({"stores": [STORE], "rules": [{"mode": "off"}]})
    await first.start()
    host, port = first.addresses["chroma"]
    second = builder({"stores": [{**STORE, "listen": f"{host}:{port}"}], "rules": [{"mode": "off"}]})

    with pytest.raises(BadConfig, match="listen"):
        await second.start(first)
    for generation in (first, second):
        await generation.close()
