"""`midrank status`: how a running process is, for people and for programs."""

from __future__ import annotations

import os
import subprocess
import sys

import orjson
import pytest

from proxy.cli import main
from tests.fakes.operated import Admin, Operated
from tests.fakes.served import served

SEARCHES = {
    "searches": 1200,
    "outcomes": [
        {"outcome": "reranked", "reason": None, "searches": 900},
        {"outcome": "fallback", "reason": "late", "searches": 300},
    ],
    "added_ms": {"p50": 41.5, "p95": 120.0, "p99": 149.9},
}
TOLD = {
    "version": "0.1.0",
    "pid": 7,
    "uptime_s": 7300.0,
    "policy": {
        "generation": 2,
        "sha256": "ab" * 32,
        "loaded_at": "2026-01-02T03:04:05.678+00:00",
        "rejected": "policy.yaml:3: rules: wrong",
    },
    "stores": {
        "chroma": {
            "listens": "127.0.0.1:8001",
            "upstream": "http://chroma:8000",
            "connections": 12,
            "reachable": False,
            "error": "upstream_timeout",
            "error_s_ago": 3.2,
        },
        "new": {"listens": "[::1]:2", "upstream": "http://new:1", "connections": 0, "reachable": None},
    },
    "models": {
        "jina": {
            "state": "open",
            "reason": "rate_limited",
            "next_try_s": 12.34,
            "figures": {"breaker_openings": 3},
        },
        "claude": {"state": "half_open", "reason": "remote_error", "next_try_s": 0.0, "figures": {}},
        "local": {
            "state": "ready",
            "figures": {"load": 0.25, "waiting": 12345, "refused": 0, "token_seconds_p50": 0.0000215},
        },
    },
    "rules": [
        {"store": "*", "collection": "secret-*", "mode": "off"},
        {
            "store": "*",
            "collection": "*",
            "mode": "on",
            "budget_ms": 150.0,
            "candidates": [20, 50],
            "models": [{"model": "jina", "depth": 0}, {"model": "local", "depth": 37}],
        },
    ],
    "caches": {
        "memory": {"hits": 30, "misses": 10, "entries": 5, "bytes": 1048576},
        "redis": {"up": 0.0, "hits": 0, "misses": 0},
    },
    "recent": {"1m": {}, "5m": {"chroma": SEARCHES}, "15m": {"chroma": SEARCHES}},
    "process": {
        "memory_bytes": 104857600,
        "memory_limit_mb": 900,
        "threads": 5,
        "cpus": 2,
        "loop_lag_ms": 1.25,
    },
}


def run(told=TOLD):
    return served(lambda: Admin(Operated(told=told)))


def test_all_is_told_in_tables_for_people(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    with run() as port:
        assert main(["status", "--admin", f"127.0.0.1:{port}"]) == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "midrank 0.1.0 ready up 2.0 h pid 7",
        "policy 2 abababababab since 2026-01-02T03:04:05",
        "policy.yaml:3: rules: wrong",
        "chroma 127.0.0.1:8001 http://chroma:8000 12 upstream_timeout 3 s ago",
        "new [::1]:2 http://new:1 0 not asked yet",
        "chroma all 0 1,200 1,200",
        "reranked - 75.0% 75.0%",
        "fallback late - 25.0% 25.0%",
        "chroma 15m 41.50 120 149.90",
        "jina open rate_limited, tried again in 12.3 s 3",
        "claude half_open remote_error, tried again with the next search",
        "local ready 0.25 12,345 0 2.15",
        "*/secret-* off",
        "*/* on 150 ms 20-50 jina 0, local 37",
        "memory 5 1.0 MB 75.0%",
        "redis ? away",
    ):
        assert line in lines


def test_a_narrow_terminal_loses_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    with run() as port:
        assert main(["status", "--admin", f"127.0.0.1:{port}"]) == 0

    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 60
    assert "…" not in out
    assert "\x1b" not in out  # colours are for terminals


def test_of_an_answer_that_says_little_little_is_shown(capsys):
    with run({}) as port:
        assert main(["status", "--admin", f"127.0.0.1:{port}"]) == 0

    assert "ready" in capsys.readouterr().out


def test_it_is_json_for_programs_and_the_policy_tells_where_to_ask(capsys, tmp_path):
    with served(lambda: Admin(Operated(told=TOLD), "a key of operators")) as port:
        policy = tmp_path / "policy.yaml"
        policy.write_text(
            "stores: [{kind: chroma, listen: '127.0.0.1:1', upstream: 'http://127.0.0.1:2'}]\n"
            f"admin: {{listen: '0.0.0.0:{port}', api_key: a key of operators}}\n"
        )
        assert main(["status", "--json", "--policy", str(policy)]) == 0

    told = orjson.loads(capsys.readouterr().out)
    assert told == {"status": "ready", **TOLD}


def test_it_asks_again_until_it_is_interrupted():
    with run() as port:
        command = [sys.executable, "-m", "proxy", "status", "--admin", f"127.0.0.1:{port}", "--watch", "0.1"]
        environment = {**os.environ, "COLUMNS": "100"}
        watching = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    # The process that was watched is gone.
    _, said = watching.communicate(timeout=30)

    assert watching.returncode == 1
    assert b"is midrank running" in said


def test_a_process_that_is_not_there_is_said_to_be(capsys):
    assert main(["status", "--admin", "127.0.0.1:1"]) == 1
    assert "is midrank running" in capsys.readouterr().err


def test_one_place_is_needed(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["status"])

    assert exit_.value.code == 2
