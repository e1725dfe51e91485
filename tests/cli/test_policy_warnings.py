"""What `midrank check` warns of."""

from __future__ import annotations

import pytest

from proxy.cli import main
from proxy.cli.policy_warnings import policy_warnings
from proxy.policy import Policy

STORE = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
LLM = {"kind": "llm", "api": "openai", "url": "http://127.0.0.1:1", "model": "m"}


def policy(*rules, **more):
    models = {"judge": LLM, "fast": {"kind": "late_interaction"}}
    return Policy.model_validate({"stores": [STORE], "models": models, "rules": rules, **more})


@pytest.mark.parametrize(
    "rule",
    [
        {"rerank": ["fast"]},
        {"rerank": ["judge"], "budget_ms": 1000},
        {"rerank": ["judge"], "mode": "off"},
    ],
)
def test_there_is_nothing_to_say_of_most_policies(rule):
    assert policy_warnings(policy(rule)) == ()


@pytest.mark.parametrize(
    "rule",
    [
        {"rerank": ["judge"]},
        {"rerank": ["fast", "judge"], "strategy": "race", "budget_ms": 999},
        {"rerank": ["judge"], "mode": "shadow", "budget_ms": 500},
    ],
)
def test_an_llm_in_a_hurry_is_doubtful(rule):
    (warning,) = policy_warnings(policy({"mode": "off"}, rule))

    assert warning.startswith("rules[1]: budget_ms is ")
    assert "judge takes a second or more" in warning


def test_the_rerank_api_may_be_in_a_hurry_too():
    api = {"listen": "127.0.0.1:0", "rerank": ["judge"], "budget_ms": 200}

    assert "rerank_api: budget_ms is 200" in policy_warnings(policy(rerank_api=api))[0]


def test_warnings_are_printed_and_no_mistakes(tmp_path, capsys):
    path = tmp_path / "policy.yaml"
    path.write_text(policy({"rerank": ["judge"]}).model_dump_json(exclude_none=True))

    assert main(["check", str(path)]) == 0
    assert "\nwarning: rules[0]: budget_ms is 150" in capsys.readouterr().out
