"""`midrank status`: how the models of a running process are, for people and for programs."""

from __future__ import annotations

import orjson
import pytest

from proxy.cli import main
from proxy.listeners.admin import AdminListener
from tests.fakes.served import served

STATES = {"jina": "open", "claude": "half_open", "local": "ready"}
DETAILS = {
    "jina": {"reason": "rate_limited", "next_try_s": 12.34, "figures": {"breaker_openings": 3}},
    "claude": {"reason": "remote_error", "next_try_s": 0.0, "figures": {"breaker_openings": 1}},
    "local": {"figures": {"load": 0.25, "waiting": 12345, "refused": 0, "breaker_openings": 0}},
}


class Admin:
    def __init__(self):
        self._listener = AdminListener("127.0.0.1:0", lambda: STATES, details=lambda: DETAILS)

    async def __aenter__(self):
        await self._listener.start()
        return self._listener.address[1]

    async def __aexit__(self, *_):
        await self._listener.close()


def test_models_are_a_table_for_people(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with served(Admin) as port:
        assert main(["status", "--admin", f"127.0.0.1:{port}"]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["model", "state", "why", "load", "waiting", "refused", "openings"],
        ["jina", "open", "rate_limited,", "tried", "again", "in", "12.3", "s", "3"],
        ["claude", "half_open", "remote_error,", "tried", "again", "with", "the", "next", "search", "1"],
        ["local", "ready", "0.25", "12,345", "0", "0"],
    ]


def test_models_are_json_for_programs(capsys, tmp_path):
    with served(Admin) as port:
        policy = tmp_path / "policy.yaml"
        policy.write_text(
            "stores: [{kind: chroma, listen: '127.0.0.1:1', upstream: 'http://127.0.0.1:2'}]\n"
            f"admin: 127.0.0.1:{port}\n"
        )
        assert main(["status", "--json", "--policy", str(policy)]) == 0

    told = orjson.loads(capsys.readouterr().out)
    assert told["status"] == "ready"
    assert told["models"]["jina"] == {"state": "open", **DETAILS["jina"]}


def test_a_process_that_is_not_there_is_said_to_be(capsys):
    assert main(["status", "--admin", "127.0.0.1:1"]) == 1
    assert "is midrank running" in capsys.readouterr().err


def test_one_place_is_needed(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["status"])

    assert exit_.value.code == 2
