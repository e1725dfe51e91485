"""Where a command writes is checked before it works."""

from __future__ import annotations

import pytest

from proxy.cli.outputs import unusable


def told(outputs, inputs):
    return [(one.key, one.allowed) for one in unusable(outputs, inputs)]


@pytest.mark.parametrize("path", ["", "no/such/folder.json", "file/below.json"])
def test_what_is_no_file_in_a_folder_is_told_and_nothing_made(tmp_path, path):
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))

    assert told({"--json": tmp_path / path}, {}) == [("--json", "a file in a folder that is there")]
    assert sorted(tmp_path.rglob("*")) == before


def test_files_that_are_there_or_may_be_are_fine(tmp_path):
    (tmp_path / "old").touch()

    assert told({"--a": tmp_path / "old", "--b": tmp_path / "new", "--c": None}, {"--in": None}) == []


def test_no_file_has_two_parts(tmp_path):
    """Also under another name."""
    (tmp_path / "in").touch()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    outputs = {"--a": tmp_path / "link", "--b": tmp_path / "new", "--c": tmp_path / "." / "new"}

    assert told(outputs, {"--in": tmp_path / "in"}) == [
        ("--a", "another file than --in"),
        ("--c", "another file than --b"),
    ]
