"""What has been measured is known again, as long as all that it depends on is the same."""

from __future__ import annotations

import os

import pytest

from proxy.errors import BadConfig
from proxy.tuning.journal import key_of, open_journal
from proxy.tuning.points import Point
from tests.fakes.tiny_bert import write_tiny_bert
from tests.tuning.made import policy


def test_what_was_added_is_known_then_and_later(tmp_path):
    path = tmp_path / "journal"
    with open_journal(path) as journal:
        assert journal.known("a") is None
        journal.add("a", {"point": Point(("m",), 5, None, 1.0)}, [(0.5, None)])
        assert journal.known("a") == [[0.5, None]]
    with open_journal(path) as journal:
        assert journal.known("a") == [[0.5, None]]
        assert journal.known("b") is None


@pytest.mark.parametrize("torn", [b'{"id":"b","wha', b"{", b"\0\0\0\0"])
def test_a_torn_line_is_cut_off(tmp_path, torn):
    path = tmp_path / "journal"
    with open_journal(path) as journal:
        journal.add("a", "x", 1)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with open_journal(path) as journal:
        assert (journal.known("a"), journal.known("b")) == (1, None)
        journal.add("b", "x", 2)

    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == 2


def test_a_line_that_a_power_cut_has_left_is_passed_over(tmp_path):
    path = tmp_path / "journal"
    with open_journal(path) as journal:
        journal.add("a", "x", 1)
    path.write_bytes(b"\0\0\n[]\n" + path.read_bytes())
    with open_journal(path) as journal:
        assert journal.known("a") == 1


@pytest.mark.parametrize("content", [b"precious", b"stores: []\n", b'{"id":1,"ranking":[]}\n', b"\n{\n"])
def test_another_file_is_not_taken_for_a_journal(tmp_path, content):
    """That is told before anything is measured, in words that are the journal's."""
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(BadConfig) as told, open_journal(path):
        pytest.fail("not to be reached")

    (mistake,) = told.value.mistakes
    assert "lines of a journal" in mistake.allowed
    assert "rankings" not in str(mistake)
    assert path.read_bytes() == content


def test_one_run_at_a_time(tmp_path):
    with (
        open_journal(tmp_path / "journal"),
        pytest.raises(BadConfig, match="--journal: another run writes it"),
        open_journal(tmp_path / "journal"),
    ):
        pytest.fail("not to be reached")


def made(model, **keys):
    return policy(
        models={"m": {"kind": "cross_encoder_onnx", "model": str(model), **keys}}, rules=[{"rerank": ["m"]}]
    )


def test_a_key_stands_for_settings_files_and_data(tmp_path):
    folder = write_tiny_bert(tmp_path / "tiny")
    one = made(folder)
    key = key_of(one, one.rules[0], "data")

    assert key == key_of(one, one.rules[0], "data")
    assert key != key_of(one, one.rules[0], "other data")
    assert key != key_of(one, one.rules[0].model_copy(update={"budget_ms": 7.0}), "data")
    other = made(folder, max_tokens=128)
    assert key != key_of(other, other.rules[0], "data")
    os.utime(folder / "model.safetensors", (0, 0))
    assert key != key_of(one, one.rules[0], "data")


def test_models_that_no_rule_uses_change_nothing(tmp_path):
    folder = write_tiny_bert(tmp_path / "tiny")
    one = made(folder)
    other = one.model_copy(update={"models": {**one.models, "more": one.models["m"]}})

    assert key_of(one, one.rules[0]) == key_of(other, other.rules[0])


def test_models_elsewhere_have_no_files():
    remote = policy(
        models={"m": {"kind": "remote", "dialect": "cohere_v2", "model": "m"}}, rules=[{"rerank": ["m"]}]
    )

    assert key_of(remote, remote.rules[0])
