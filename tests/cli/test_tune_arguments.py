"""The command line of `midrank tune`: what is wrong is told before anything is measured."""

from __future__ import annotations

import pytest

from proxy.cli import main
from tests.tuning.desk import Desk


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--depths", "1"), "--depths: 1 - 2 to 1000"),
        (("--budgets-ms", "0"), "--budgets-ms: 0 - 0.001 to 60000"),
        (("--queries", "0"), "--queries: 0 - 1 or more"),
        (("--tiers", "tiny", "none"), "--tiers: none - names under `models`: tiny"),
        (("--tokens", "7"), "--tokens: 7 - for models.tiny: Input should be greater than or equal to 16"),
        (("--rule", "2"), "--rule: 2 - 1 to 1"),
        (("--reference", "tiny"), "--reference: tiny - --records with it"),
        (("--out", "no/such/chosen.yaml"), "--out: no/such/chosen.yaml - a file in a folder that is there"),
        (("--json", "no/such/figures"), "--json: no/such/figures - a file in a folder that is there"),
        (("--journal", "no/such/journal"), "--journal: no/such/journal - a file in a folder that is there"),
        (("--out", "same", "--json", "same"), "--json: same - another file than --out"),
    ],
)
def test_mistakes_are_named_before_anything_is_measured(desk, capsys, more, words):
    assert main(desk.arguments(*more)) == 2
    assert words in capsys.readouterr().err
    assert not desk.journal.exists()


def test_the_policy_itself_is_not_written_over(desk, capsys):
    before = desk.policy.read_bytes()
    desk.out = desk.policy

    assert main(desk.arguments()) == 2
    assert "another file than --policy" in capsys.readouterr().err
    assert desk.policy.read_bytes() == before


def test_tokens_are_a_number_or_two(desk, capsys):
    with pytest.raises(SystemExit) as ended:
        main(desk.arguments("--tokens", "many"))

    assert ended.value.code == 2
    assert "'many' should be a number, or two like 256:64" in capsys.readouterr().err


def test_a_rule_that_is_off_is_told_in_words_of_this_command(desk, capsys):
    desk.policy.write_text(desk.policy.read_text().replace("rerank: [tiny]", "rerank: [tiny]\n    mode: off"))

    assert main(desk.arguments("--rule", "1")) == 2
    printed = capsys.readouterr().err
    assert "--rule: off - a rule that is not off" in printed
    assert "--models" not in printed


@pytest.mark.parametrize("content", ["stores: []\n", "no end"])
def test_another_file_is_no_journal(desk, capsys, content):
    """It is told before anything is measured."""
    desk.journal.write_text(content)

    assert main(desk.arguments()) == 2
    assert "lines of a journal" in capsys.readouterr().err
    assert desk.journal.read_text() == content
