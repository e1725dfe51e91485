"""The policy's keys of large language models, and what a file with them is told."""

from __future__ import annotations

import pytest

from proxy.cli import main
from proxy.errors import BadConfig
from proxy.policy_file import parse_policy

POLICY = """
stores: [{{kind: chroma, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:1"}}]
models:
  judge: {{kind: llm, api: openai, url: "{url}", model: m{more}}}
rules: [{{rerank: [judge], budget_ms: 5000}}]
"""


def parsed(more="", url="https://llm.example/v1", **environment):
    text = POLICY.format(url=url, more=f", {more}" if more else "")
    return parse_policy(text, file="p.yaml", environment=environment).models["judge"]


def test_a_model_needs_little():
    model = parsed()

    assert (model.method, model.window, model.stride, model.structured) == ("listwise", 20, 10, "schema")
    assert (model.temperature, model.prices, model.api_key) == (0, None, None)


def test_a_key_comes_out_of_the_environment_and_is_not_shown():
    model = parsed("api_key: '${KEY}'", KEY="sk-hush")

    assert model.api_key.get_secret_value() == "sk-hush"
    assert "hush" not in repr(model) + str(model)


def test_no_temperature_is_a_temperature():
    assert parsed("temperature: null").temperature is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("stride: 20", "stride (by default 10) is 20, should be below window, 20"),
        ("window: 5", "stride (by default 10) is 10, should be below window, 5"),
        ("window: 1", "models.judge.window: 1 - should be greater than or equal to 2"),
        ("api_key: k, api_key_file: f", "api_key and api_key_file are two ways"),
        ("method: setwise", "models.judge.method: 'setwise' - should be 'listwise' or 'pointwise'"),
        ("prices: {input: 1}", "models.judge.prices.output: missing - required"),
        ("prices: {input: -1, output: 0}", "models.judge.prices.input: -1"),
        ("windows: 5", "models.judge.windows: unknown key - did you mean `window`?"),
    ],
)
def test_mistakes_are_named(more, words):
    with pytest.raises(BadConfig) as mistakes:
        parsed(more)

    assert words in str(mistakes.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://llm.example", "should be a URL"),
        ("https://me:hush@llm.example", "no credentials"),
        ("https://llm.example/v1?key=1", "no credentials, query"),
    ],
)
def test_a_url_is_one_without_secrets(url, words):
    with pytest.raises(BadConfig) as mistakes:
        parsed(url=url)

    assert words in str(mistakes.value)
    assert "hush" not in str(mistakes.value)


def test_a_key_is_not_sent_where_others_can_read_it():
    with pytest.raises(BadConfig, match="an API key is sent by https only"):
        parsed("api_key: sk-hush", url="http://llm.example/v1")


def test_a_wrong_key_is_not_shown():
    with pytest.raises(BadConfig) as mistakes:
        parsed("api_key: 'sk hush'")

    assert "hush" not in str(mistakes.value)


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_prompt_that_is_not_fit_is_found_before_anything_starts(tmp_path, capsys, command):
    prompt, policy = tmp_path / "mine.txt", tmp_path / "policy.yaml"
    prompt.write_text("[user]\n{{query}} {{document}}\n")
    policy.write_text(POLICY.format(url="http://127.0.0.1:1", more=f", prompt_file: {prompt}"))
    file = [str(policy)] if command == "check" else ["--policy", str(policy)]

    assert main([command, *file]) == 2
    told = capsys.readouterr().err
    assert "mine.txt:2: models.judge.prompt_file: {{document}} - known are {{query}}, {{documents}}" in told
    assert "no {{documents}} after [user]" in told
