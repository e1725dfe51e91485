"""Reading: all records in the order of their time, whatever else is in the files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.records import segments
from proxy.records.reader import Records
from proxy.records.recorded import RecordedHarm, RecordedText, to_line
from proxy.records.redaction import Redaction
from proxy.records.transcript import Transcript
from tests.fakes.observations import observation

REPO = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def harm(minutes, store="s", collection="c"):
    at = NOW + timedelta(minutes=minutes)
    return RecordedHarm(at, store, collection, "alarm", None, None, None, minutes, "probes")


def segment(folder, minutes, *lines):
    path, file = segments.create(folder, NOW + timedelta(minutes=minutes))
    os.write(file, b"".join(line if isinstance(line, bytes) else to_line(line) for line in lines))
    os.close(file)
    return path


def test_segments_are_merged_in_the_order_of_time(tmp_path):
    """Two processes that overlap, and one behind them."""
    segment(tmp_path, 0, harm(1), harm(4), harm(9))
    segment(tmp_path, 2, harm(3), harm(5))
    segment(tmp_path, 20, harm(21))

    assert [record.count for record in Records(tmp_path)] == [1, 3, 4, 5, 9, 21]


def test_segments_are_opened_when_their_turn_comes(tmp_path):
    paths = [segment(tmp_path, minutes, harm(minutes + 1)) for minutes in (0, 10, 20)]
    records = iter(Records(tmp_path))
    next(records)
    paths[2].write_bytes(to_line(harm(99)))

    assert [record.count for record in records] == [11, 99]


def test_a_segment_that_is_removed_meanwhile_is_no_error(tmp_path):
    paths = [segment(tmp_path, minutes, harm(minutes + 1)) for minutes in (0, 10, 20)]
    records = iter(Records(tmp_path))
    next(records)
    paths[2].unlink()

    assert [record.count for record in records] == [11]


def test_what_is_wanted_is_told_by_time_store_and_collection(tmp_path):
    segment(tmp_path, 0, harm(1), harm(2, "t"), harm(3, "t", "d"), harm(4), harm(5))

    def counts(**wanted):
        return [record.count for record in Records(tmp_path, **wanted)]

    assert counts(store="t") == [2, 3]
    assert counts(store="t", collection="d") == [3]
    assert counts(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == [2, 3]
    assert counts(until=NOW) == []


def test_lines_that_are_no_records_are_counted(tmp_path):
    segment(
        tmp_path,
        0,
        harm(1),
        b"junk\n",
        b"\n",
        b'{"v":9,"kind":"harm"}\n',
        b"\xff\0\n",
        harm(2),
        to_line(harm(3))[:-9],
    )
    records = Records(tmp_path)

    for _ in range(2):
        assert [record.count for record in records] == [1, 2]
        assert (records.skipped, records.newer) == (5, 1)


def test_texts_are_put_in_where_they_were_kept(tmp_path):
    transcript = Transcript(b"secret", Redaction())
    seen = observation((1, 0))
    record = transcript.search(NOW, seen)
    texts = list(transcript.texts(record, seen, set()))
    assert texts == [RecordedText(one.digest, f"text of {one.id}") for one in record.candidates]
    segment(tmp_path, 0, texts[1], record, texts[0], record)

    half, whole = Records(tmp_path)
    assert [one.text for one in half.candidates] == [None, "text of d1"]
    assert [one.text for one in whole.candidates] == ["text of d0", "text of d1"]
    assert replace(whole, candidates=record.candidates) == record


def test_a_file_is_as_good_as_a_folder(tmp_path):
    path = tmp_path / "some lines"
    path.write_bytes(to_line(harm(1)) + to_line(harm(2)))

    assert [record.count for record in Records(path)] == [1, 2]


def test_an_empty_folder_holds_nothing(tmp_path):
    assert list(Records(tmp_path)) == []


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(BadConfig, match="No such file"):
        Records(tmp_path / "none")


WRITER = """
import asyncio, sys
from proxy.policy_evidence import Record
from proxy.records import recorder
from tests.fakes.observations import observation

async def main():
    recorder.FLUSH_EVERY = 0.001
    one = recorder.Recorder(Record(folder=sys.argv[1], texts="keep"), secret=b"s")
    one.start()
    number = 0
    while True:
        number += 1
        one.tell(observation(store=sys.argv[2], exchange=f"{number:016x}"))
        await asyncio.sleep(0)
        if one.figures()["recorded"] > 100:
            print("going", flush=True)

asyncio.run(main())
"""


@pytest.mark.wire
def test_two_processes_that_are_killed_leave_a_folder_that_is_read(tmp_path):
    """Both write as fast as they can, and lose no more than what they had not written yet."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], stdout=subprocess.PIPE, env=environment
        )
        for name in ("a", "b")
    ]
    try:
        for child in children:
            child.stdout.readline()
    finally:
        for child in children:
            child.send_signal(signal.SIGKILL)
            child.communicate()

    records = Records(tmp_path)
    found = list(records)
    assert [record.at for record in found] == sorted(record.at for record in found)
    assert records.skipped <= 2
    for name in ("a", "b"):
        numbers = [int(record.exchange, 16) for record in found if record.store == name]
        assert len(numbers) > 100
        assert numbers[:100] == list(range(1, 101))
    assert all(one.text == f"text of {one.id}" for record in found for one in record.candidates)
