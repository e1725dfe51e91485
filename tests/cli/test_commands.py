"""The command line: what it prints, how it fails, what it exits with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from proxy.cli import main

POLICY = """
stores:
  - kind: chroma
    listen: 127.0.0.1:{port}
    upstream: http://127.0.0.1:1
rules:
  - {rule}
"""


@pytest.fixture
def policy_file(tmp_path):
    def write(rule="budget_ms: 100", port=0):
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.replace("{rule}", rule).replace("{port}", str(port)))
        return str(path)

    return write


def test_check_says_what_would_run(policy_file, capsys):
    assert main(["check", policy_file("mode: off")]) == 0

    assert capsys.readouterr().out == (
        "stores\n"
        "  chroma: chroma 127.0.0.1:0 -> http://127.0.0.1:1\n"
        "models\n"
        "  default: late_interaction, precision int8, threads 0, isolation thread, long_texts truncate, "
        "max_document_tokens 1024, max_tokens 256, memory_mb 256, pooling 2 (no rule uses it)\n"
        "rules, the first that matches decides\n"
        "  1. store *, collection *: off\n"
        "  otherwise: off\n"
        "scores are kept for 3600 s in 64 MB of memory\n"
    )


def test_check_describes_rules(policy_file, capsys):
    assert main(["check", policy_file("{match: {collection: wiki-*}, rerank: [default, default]}")]) == 0

    assert (
        "  1. store *, collection wiki-*: on, rerank 20-50 candidates (5 x limit) with default, then default "
        "within 150 ms, at least 5, keep scores; exact cache shared\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cache", "words"),
    [
        ("{exact: off}", "keep scores; nothing is kept\n"),
        (
            "{semantic: {scope: [filter]}}",
            "exact cache shared, semantic from cosine 0.95 within one store, collection, filter\n",
        ),
    ],
)
def test_check_tells_what_is_used_again(policy_file, capsys, cache, words):
    assert main(["check", policy_file(f"cache: {cache}")]) == 0
    assert words in capsys.readouterr().out


def test_check_shows_no_password_and_misses_the_secret(policy_file, capsys, tmp_path):
    path = tmp_path / "redis.yaml"
    path.write_text(
        Path(policy_file()).read_text() + "cache:\n  redis: {url: 'rediss://me:hush@r.example:6380/1'}\n"
    )
    assert main(["check", str(path)]) == 0

    told = capsys.readouterr().out
    assert "64 MB of memory and rediss://r.example:6380/1, waited for 5 ms\n" in told
    assert "warning: without a secret" in told
    assert "hush" not in told


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("race", "with good, and fast beside in case of lateness within"),
        ("cascade, cascade_top: 7", "with fast, then the top 7 with good within"),
    ],
)
def test_check_tells_how_models_work_together(tmp_path, capsys, strategy, words):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "stores: [{kind: chroma, listen: '127.0.0.1:0', upstream: 'http://127.0.0.1:1'}]\n"
        "models: {good: {kind: late_interaction}, fast: {kind: late_interaction}}\n"
        f"rules: [{{rerank: [good, fast], strategy: {strategy}}}]\n"
    )
    assert main(["check", str(path)]) == 0
    assert words in capsys.readouterr().out


def test_mistakes_exit_with_two_and_name_the_place(policy_file, capsys):
    path = policy_file("budget: 100")

    assert main(["check", path]) == 2
    assert capsys.readouterr().err == (
        f"midrank: {path}:7: rules[0].budget: unknown key - did you mean `budget_ms`? "
        "allowed: blend, budget_ms, cache, candidates, cascade_top, experiment, match, mode, rerank, scores, "
        "strategy\n"
    )


def test_a_model_that_is_not_there_is_named_before_anything_starts(policy_file, tmp_path, capsys):
    model = f"{{kind: cross_encoder_onnx, model: {tmp_path}/nothing}}"
    path = policy_file(f"rerank: [mine]\nmodels: {{mine: {model}}}")

    assert main(["check", path]) == 2
    assert main(["run", "--policy", path]) == 2
    error = capsys.readouterr().err
    assert "models.mine" in error
    assert "nothing" in error


def test_a_port_in_use_is_a_clear_mistake(policy_file, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["run", "--policy", policy_file("mode: off", port)]) == 2

    assert f"listen: 127.0.0.1:{port} - a free address" in capsys.readouterr().err


def test_an_admin_port_in_use_is_a_clear_mistake(policy_file, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["run", "--policy", policy_file("mode: off"), "--admin", f"127.0.0.1:{port}"]) == 2

    assert f"admin: 127.0.0.1:{port} - a free address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--store, --upstream, --listen: missing - --policy FILE, or all of"),
        (["--policy", "x", "--store", "chroma"], "--store: given with --policy - one or the other"),
        (
            ["--store", "chromma", "--upstream", "http://x", "--listen", "127.0.0.1:1"],
            "stores[0].kind: 'chromma' - should be one of 'chroma', 'qdrant'",
        ),
        (
            ["--store", "chroma", "--upstream", "nowhere", "--listen", "127.0.0.1:1"],
            "stores[0].upstream: 'nowhere' - should be a URL like",
        ),
    ],
)
def test_flags_are_checked_as_a_file_is(arguments, complaint, capsys):
    assert main(["run", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_a_wrong_admin_flag_is_reported_as_a_wrong_key_is(policy_file, capsys):
    assert main(["run", "--policy", policy_file("mode: off"), "--admin", "foo"]) == 2

    assert "admin.listen: 'foo' - should be HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_is_there(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)

    assert exit_.value.code == 0
    assert "midrank" in capsys.readouterr().out


def test_the_schema_is_printed(capsys):
    assert main(["schema"]) == 0
    assert '"$schema"' in capsys.readouterr().out


def test_check_tells_of_a_rerank_api_and_who_may_use_it(tmp_path, capsys):
    path = tmp_path / "policy.yaml"
    path.write_text("rerank_api: {listen: '0.0.0.0:8100', on_trouble: error, budget_ms: 250}\n")
    assert main(["check", str(path)]) == 0

    told = capsys.readouterr().out
    assert "rerank API 0.0.0.0:8100: up to 1000 documents with default within 250 ms, answers 503" in told
    assert "warning: without rerank_api.api_key" in told
    assert "stores" not in told

    path.write_text("rerank_api: {listen: '0.0.0.0:8100', api_key: hush-hush}\n")
    assert main(["check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "warning" not in told
    assert "hush-hush" not in told
