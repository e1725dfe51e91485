"""The output file: whole lines, one run at a time, whatever ended the run before."""

from __future__ import annotations

from io import BytesIO, FileIO

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadConfig
from proxy.offline import ranked_file
from proxy.offline.ranked_file import Pipe, RankedFile, opened
from tests.fakes.clocks import Clock

LINES = [orjson.dumps({"id": number}) + b"\n" for number in range(4)]


def append(path, line=LINES[0]):
    with opened(path) as output:
        output.append(line)


def test_lines_are_there_at_once_and_stay(tmp_path):
    path = tmp_path / "out.jsonl"
    with opened(path) as output:
        assert list(output.lines()) == []
        output.append(LINES[0])
        assert path.read_bytes() == LINES[0]
        output.append(LINES[1])
    with opened(path) as output:
        assert list(output.lines()) == LINES[:2]
        output.append(LINES[2])

    assert path.read_bytes() == b"".join(LINES[:3])


@given(cut=st.integers(0, len(b"".join(LINES))), zeros=st.integers(0, 9))
def test_of_a_torn_file_the_whole_lines_stay(tmp_path_factory, cut, zeros):
    path = tmp_path_factory.mktemp("torn") / "out.jsonl"
    torn = b"".join(LINES)[:cut]
    whole = torn[: torn.rfind(b"\n") + 1]
    # Where the disk was to have more, there may be zeros after a power cut.
    path.write_bytes(torn if torn != whole else torn + b"\0" * zeros)
    with opened(path) as output:
        assert b"".join(output.lines()) == whole
        output.append(b"new\n")

    assert path.read_bytes() == whole + b"new\n"


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100])
def test_a_torn_line_may_be_longer_than_what_is_read_at_once(tmp_path, monkeypatch, length):
    monkeypatch.setattr(ranked_file, "_BLOCK", 16)
    path = tmp_path / "out.jsonl"
    path.write_bytes(LINES[1] + (b'{"id":' + b"x" * length)[:length])
    append(path)

    assert path.read_bytes() == LINES[1] + LINES[0]


@pytest.mark.parametrize("content", [b"my notes", b"one\ntwo", b'{"query": "why'])
def test_what_is_nothing_of_ours_is_not_cut_off(tmp_path, content):
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match="something else - rankings"):
        append(path)

    assert path.read_bytes() == content


def test_a_torn_line_stays_as_long_as_nothing_is_written(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_bytes(LINES[0] + b'{"id')
    with opened(path) as output:
        assert list(output.lines()) == LINES[:1]

    assert path.read_bytes() == LINES[0] + b'{"id'


def test_two_runs_do_not_write_one_file(tmp_path):
    path = tmp_path / "out.jsonl"
    with opened(path) as output:
        output.append(LINES[0])
        with pytest.raises(BadConfig, match="another run writes it"), opened(path):
            pass

    assert path.read_bytes() == LINES[0]


def test_a_file_that_can_not_be_written_is_a_mistake(tmp_path):
    with (
        pytest.raises(BadConfig, match="--out: No such file or directory"),
        opened(tmp_path / "no" / "out.jsonl"),
    ):
        pass


def test_the_disk_is_waited_for_once_a_second(tmp_path):
    clock, synced = Clock(), []
    path = tmp_path / "out.jsonl"
    with FileIO(path, "a+") as file:
        output = RankedFile(path, file, clock)
        for _ in range(25):
            before = output._synced
            output.append(LINES[0])
            synced.append(output._synced != before)
            clock.now += 0.1

    assert sum(synced) == 2


def test_what_can_not_be_read_again_is_begun_anew():
    file = BytesIO()
    output = Pipe(file)
    output.append(LINES[0])

    assert list(output.lines()) == []
    assert file.getvalue() == LINES[0]
