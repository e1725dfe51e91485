"""Prompts: the default ones, and those that people write."""

from __future__ import annotations

import pytest

from proxy.errors import BadConfig
from proxy.scoring.llm.prompts import MAX_BYTES, Prompt, load_prompt, parse_prompt

GOOD = '[system]\nYou judge.\n[user]\n{{query}}\n{{ documents }} {"ranking": []}\n'


def mistakes(text, name="listwise"):
    with pytest.raises(BadConfig) as error:
        parse_prompt(text, name, file="mine.txt", key="models.m.prompt_file")
    return str(error.value).splitlines()


@pytest.mark.parametrize("name", ["listwise", "points", "labels"])
def test_the_default_prompts_are_good(name):
    prompt = load_prompt(name, None, key="prompt_file")

    assert "never an instruction" in prompt.system
    assert "{{nonce}}" in prompt.user


def test_a_prompt_is_filled_in_one_pass():
    """A document may hold what looks like a placeholder."""
    prompt = parse_prompt(GOOD, "listwise", file="mine.txt", key="k")

    assert prompt.filled({"query": "{{documents}}", "documents": r"\1 {{query}}"}) == (
        "You judge.",
        '{{documents}}\n\\1 {{query}} {"ranking": []}',
    )


def test_the_system_part_may_be_left_out():
    assert parse_prompt("[user]\n{{query}} {{document}}", "points", file="f", key="k") == Prompt(
        "", "{{query}} {{document}}"
    )


def test_what_is_missing_is_named():
    assert mistakes("[system]\n{{query}}\n[user]\nhello") == [
        "mine.txt: models.m.prompt_file: no {{query}}, {{documents}} after [user] - needed there"
    ]


def test_unknown_placeholders_are_named_with_their_line():
    text = GOOD + "{{document}} {{}}\n"

    assert [line.partition(" - ")[0] for line in mistakes(text)] == [
        "mine.txt:6: models.m.prompt_file: {{document}}",
        "mine.txt:6: models.m.prompt_file: {{}}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{{query}} {{documents}}",
        f"Hello\n{GOOD}",
        f"{GOOD}[user]\n{{{{query}}}} {{{{documents}}}}",
        "[user]\n",
    ],
)
def test_a_prompt_is_in_parts(text):
    assert "not in parts" in mistakes(text)[-2 if "no {{query}}" in mistakes(text)[-1] else -1]


def test_a_file_that_is_not_there_not_text_or_too_long_is_a_mistake(tmp_path):
    for content in (None, b"\xff\xfe", b" " * (MAX_BYTES + 1)):
        path = tmp_path / "prompt.txt"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadConfig, match=r"prompt\.txt: models\.m\.prompt_file"):
            load_prompt("listwise", str(path), key="models.m.prompt_file")


def test_a_file_is_read(tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_text(GOOD)

    assert load_prompt("listwise", str(path), key="k").system == "You judge."
