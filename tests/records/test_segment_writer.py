"""The writer: whole lines, within the bounds, on whatever disk."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from proxy.records.segment_writer import SegmentWriter

MB = 2**20


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self):
        self.now += timedelta(microseconds=1)
        return self.now


@pytest.fixture
def clock():
    return Clock()


def writer_of(folder, clock, **bounds):
    writer = SegmentWriter(folder, **{"max_bytes": 64 * MB, "keep_days": 30, **bounds}, now=clock)
    writer.start()
    return writer


def sizes(folder):
    return sorted(path.stat().st_size for path in folder.iterdir())


def test_nothing_is_created_before_there_is_something_to_write(tmp_path, clock):
    writer = writer_of(tmp_path / "records", clock)
    writer.flush()
    writer.close()

    assert not (tmp_path / "records").exists()


def test_what_was_flushed_is_there(tmp_path, clock):
    writer = writer_of(tmp_path, clock)
    writer.append(clock(), b"text\n", b"search\n")
    assert not list(tmp_path.iterdir())
    writer.flush()

    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"text\nsearch\n"
    assert (writer.recorded, writer.failed, writer.bytes) == (1, 0, 12)


def test_a_folder_stays_below_its_bound(tmp_path, clock):
    writer = writer_of(tmp_path, clock, max_bytes=MB)
    most = 0
    for _ in range(300):
        writer.append(clock(), b"x" * 9999 + b"\n")
        writer.flush()
        most = max(most, sum(sizes(tmp_path)))
    writer.close()

    assert MB / 2 < most <= MB
    assert len(sizes(tmp_path)) <= 4


def test_a_segment_ends_at_its_age_and_the_texts_in_it_are_written_again(tmp_path, clock):
    writer = writer_of(tmp_path, clock)
    writer.append(clock(), b"one\n")
    writer.texts.add("digest")
    writer.flush()
    assert writer.texts == {"digest"}
    clock.now += timedelta(hours=1)
    writer.flush()
    assert not writer.texts
    writer.append(clock(), b"two\n")
    writer.close()

    assert sizes(tmp_path) == [4, 4]


def test_what_is_too_old_goes_although_nothing_is_written(tmp_path, clock):
    writer = writer_of(tmp_path, clock, keep_days=1)
    writer.append(clock(), b"one\n")
    writer.flush()
    (path,) = tmp_path.iterdir()
    os.utime(path, (clock.now.timestamp(),) * 2)
    clock.now += timedelta(days=2)
    writer.flush()

    assert not list(tmp_path.iterdir())


def test_a_folder_that_vanishes_is_made_again(tmp_path, clock, caplog):
    folder = tmp_path / "records"
    writer = writer_of(folder, clock)
    for number in range(3):
        writer.append(clock(), b"%d\n" % number)
        writer.flush()
        if number == 0:
            shutil.rmtree(folder)
    writer.close()

    assert [path.read_bytes() for path in folder.iterdir()] == [b"2\n"]
    assert (writer.recorded, writer.failed) == (2, 1)
    assert [line.message for line in caplog.records][:1] == ["records can't be written"]


def test_a_disk_that_takes_nothing_is_logged_once_and_used_again(tmp_path, clock, caplog):
    """A file stands where the folder should be."""
    caplog.set_level("INFO")
    folder = tmp_path / "records"
    folder.write_bytes(b"")
    writer = writer_of(folder, clock)
    for _ in range(5):
        writer.append(clock(), b"lost\n")
        writer.flush()
    folder.unlink()
    writer.append(clock(), b"there\n")
    writer.close()

    assert (writer.recorded, writer.failed) == (1, 5)
    assert sizes(folder) == [6]
    assert [line.message for line in caplog.records] == [
        "records can't be written",
        "records are written again",
    ]


def test_a_disk_that_gets_full_leaves_whole_lines(tmp_path, clock):
    """The process may write files of so many bytes: what is above fails as on a full disk, half-way."""
    resource = pytest.importorskip("resource")
    import signal  # noqa: PLC0415

    writer = writer_of(tmp_path, clock)
    writer.append(clock(), b"whole\n")
    writer.flush()
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, kept[1]))
    try:
        writer.append(clock(), b"torn in the middle\n")
        writer.flush()
        writer.append(clock(), b"does not fit into an empty one either\n")
        writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, handler)
    writer.append(clock(), b"well again\n")
    writer.close()

    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"well again\n", b"whole\n"]
    assert (writer.recorded, writer.failed) == (2, 2)
    assert os.strerror(errno.EFBIG)
