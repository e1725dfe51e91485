"""docs/operations.md leads where it says, and its commands are there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from proxy.cli.commands import COMMANDS
from proxy.model import Reason
from tests.deploy.dashboards_queries import anchors, rules

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operations.md").read_text()
LINKS = sorted(set(re.findall(r"\]\(([^)\s]+)\)", PAGE)))
FENCED = re.findall(r"^ *```.*?\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PAGE)
CODE = [line for block in FENCED for line in block.splitlines()] + SPANS
# `ask` stands for `kubectl exec POD -c midrank -- midrank`.
COMMAND_LINES = sorted(
    {found[1].strip() for line in CODE if (found := re.match(r"(?:.*-- )?(?:midrank|ask) ([^#|]+)", line))}
)


@pytest.mark.parametrize("link", LINKS)
def test_links_lead_somewhere(link):
    path, _, anchor = link.partition("#")
    target = (DOCS / path).resolve() if path else DOCS / "operations.md"

    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands_are_there_with_their_options(line):
    name, *words = line.split()
    parser = argparse.ArgumentParser()
    COMMANDS[name].add_arguments(parser)

    assert {word for word in words if word.startswith("--")} <= set(parser._option_string_actions)


@pytest.mark.parametrize(
    "rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"]
)
def test_a_runbook_says_how_bad_it_is_what_users_notice_where_to_look_why_and_what_to_do(rule):
    _, _, begun = PAGE.partition(f"### {rule['alert']}\n")
    runbook = re.split(r"^##", begun, maxsplit=1, flags=re.MULTILINE)[0]

    assert runbook.strip().startswith(f"*{rule['labels']['severity']}.*")
    for part in ("users notice", "first look", "causes", "mend"):
        assert part in runbook.lower(), part


def test_every_reason_is_explained():
    table = PAGE[PAGE.index("## Reasons") : PAGE.index("## Capacity")]

    assert set(re.findall(r"`(\w+)`", table)) >= {reason.value for reason in Reason}


def test_log_messages_are_those_that_are_logged():
    table = PAGE[PAGE.index("| message | means |") : PAGE.index("## Install")]
    told = {name for row in table.splitlines() if row for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    source = "".join(path.read_text() for path in (DOCS.parent / "proxy").rglob("*.py"))

    assert not {message for message in told - {"why"} if f'"{message}"' not in source}
