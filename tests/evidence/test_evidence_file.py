"""The file of evidence: whole or the one before, its owner's, and never in the way."""

from __future__ import annotations

import orjson
import pytest

from proxy.evidence.evidence_file import EvidenceFile


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "evidence.json"

    assert EvidenceFile(path).write([b"[1]", b"{}"])

    assert EvidenceFile(path).read() == [b"[1]", b"{}"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_last_one_counts(tmp_path):
    file = EvidenceFile(tmp_path / "evidence.json")
    for number in range(3):
        file.write([b"%d" % number])

    assert file.read() == [b"2"]


def test_a_file_that_is_not_there_yet_is_empty(tmp_path, caplog):
    assert EvidenceFile(tmp_path / "evidence.json").read() == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"{}", b'{"kind": "other", "v": 1}', b'{"kind": "midrank evidence", "v": "1"}'],
)
def test_junk_begins_anew(tmp_path, caplog, content):
    path = tmp_path / "evidence.json"
    path.write_bytes(content)

    assert EvidenceFile(path).read() == []
    assert caplog.messages == ["evidence is damaged; it begins anew"]


def test_what_a_later_midrank_has_written_is_left_out(tmp_path, caplog):
    path = tmp_path / "evidence.json"
    path.write_bytes(orjson.dumps({"kind": "midrank evidence", "v": 2}))

    assert EvidenceFile(path).read() == []
    assert caplog.messages == ["evidence is a later midrank's; it begins anew"]


def test_a_file_that_cannot_be_read_is_said(tmp_path, caplog):
    assert EvidenceFile(tmp_path).read() == []
    assert caplog.messages == ["evidence cannot be read"]


def test_a_file_that_cannot_be_written_is_said_once(tmp_path, caplog):
    folder = tmp_path / "later"
    file = EvidenceFile(folder / "evidence.json")

    assert not file.write([])
    assert not file.write([])
    assert caplog.messages == ["evidence cannot be kept in a file"]

    folder.mkdir()
    assert file.write([])


def test_a_place_that_is_a_folder_leaves_nothing_behind(tmp_path):
    place = tmp_path / "evidence.json"
    place.mkdir()

    assert not EvidenceFile(place).write([])
    assert list(tmp_path.iterdir()) == [place]
