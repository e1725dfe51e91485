"""The files of a folder: which are ours, and which of them go."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from proxy.records import segments

NOW = datetime(2026, 11, 23, 14, 20, 0, 123456, tzinfo=UTC)


def segment(folder, age=timedelta(0), size=100):
    path, file = segments.create(folder, NOW - age)
    os.write(file, b"x" * size)
    os.close(file)
    seconds = (NOW - age).timestamp()
    os.utime(path, (seconds, seconds))
    return path


FOREIGN = (
    "notes.txt",
    "records.jsonl",
    "records-old.jsonl",
    "records-20261123T142000.123456Z-1-0011223g.jsonl",
    "records-20261123T142000.123456Z-1-00112233.jsonl.bak",
    "xrecords-20261123T142000.123456Z-1-00112233.jsonl",
    "records-20269999T142000.123456Z-1-00112233.jsonl",
    "RECORDS-20261123T142000.123456Z-1-00112233.JSONL",
)


def test_only_our_own_files_are_ever_removed(tmp_path):
    for name in FOREIGN:
        (tmp_path / name).write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "records-20200101T000000.000000Z-1-00112233.jsonl").mkdir()
    (tmp_path / "elsewhere").write_bytes(b"y")
    (tmp_path / "records-20200101T000000.000000Z-1-00112234.jsonl").symlink_to(tmp_path / "elsewhere")
    before = {path.name for path in tmp_path.iterdir()}
    segment(tmp_path, timedelta(days=2))

    segments.remove_old(tmp_path, NOW, max_bytes=0, keep_days=1)

    assert {path.name for path in tmp_path.iterdir()} == before
    assert segments.remove(segments.segments(tmp_path), None) == 0


def test_the_oldest_go_where_there_are_too_many(tmp_path):
    paths = [segment(tmp_path, timedelta(hours=hours)) for hours in (4, 3, 2, 1)]

    segments.remove_old(tmp_path, NOW, max_bytes=250, keep_days=30)

    assert [one.path for one in segments.segments(tmp_path)] == paths[2:]


def test_those_that_are_too_old_go(tmp_path):
    segment(tmp_path, timedelta(days=8))
    young = segment(tmp_path, timedelta(days=6))

    segments.remove_old(tmp_path, NOW, max_bytes=1000, keep_days=7)

    assert [one.path for one in segments.segments(tmp_path)] == [young]


def test_a_segment_tells_when_it_was_begun_and_how_long_it_is(tmp_path):
    path = segment(tmp_path, timedelta(hours=1), size=7)

    assert segments.segments(tmp_path) == [(path, NOW - timedelta(hours=1), NOW - timedelta(hours=1), 7)]


def test_some_can_be_removed_by_their_time(tmp_path):
    segment(tmp_path, timedelta(days=3))
    young = segment(tmp_path, timedelta(days=1))

    assert segments.remove(segments.segments(tmp_path), NOW - timedelta(days=2)) == 1
    assert [one.path for one in segments.segments(tmp_path)] == [young]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        segments.segments(tmp_path / "none")
