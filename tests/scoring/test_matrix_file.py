"""A file of token matrices, good and damaged in every way: what is whole comes back, nothing raises."""

from __future__ import annotations

import logging
import signal
import stat
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.scoring.matrix_file import MatrixFile
from proxy.scoring.token_matrix import TokenMatrix

PLENTY = 2**30


def entry(number: int, tokens: int = 3) -> tuple[bytes, TokenMatrix]:
    rows = np.random.default_rng(number).normal(size=(tokens, 8)).astype(np.float32)
    return number.to_bytes(32), TokenMatrix.pack(rows)


def opened(path, identity="model-1") -> MatrixFile:
    file = MatrixFile.open(path, identity)
    assert file is not None
    return file


def write(path, *numbers: int) -> None:
    file = opened(path)
    file.read(PLENTY)
    file.append(entry(number) for number in numbers)
    file.close()


def numbers_in(path, identity="model-1", max_bytes=PLENTY) -> list[int]:
    """Return which entries come back, after a look that each is what was written."""
    file = opened(path, identity)
    found = file.read(max_bytes)
    file.close()
    for key, matrix in found:
        _, expected = entry(int.from_bytes(key), len(matrix.values))
        np.testing.assert_array_equal(matrix.values, expected.values)
        np.testing.assert_array_equal(matrix.scales, expected.scales)
    return [int.from_bytes(key) for key, _ in found]


def test_a_new_file_is_empty_and_its_owners_alone(tmp_path):
    path = tmp_path / "matrices"
    assert numbers_in(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_written_comes_back_in_order(tmp_path):
    write(tmp_path / "m", 3, 1)
    write(tmp_path / "m", 2)
    assert numbers_in(tmp_path / "m") == [3, 1, 2]


def test_what_was_written_twice_comes_back_once(tmp_path):
    write(tmp_path / "m", 1, 2, 1)
    assert numbers_in(tmp_path / "m") == [2, 1]


def test_only_the_newest_that_fit_come_back(tmp_path):
    write(tmp_path / "m", 1, 2, 3)
    assert numbers_in(tmp_path / "m", max_bytes=2 * entry(1)[1].nbytes) == [2, 3]


def test_a_rewrite_holds_nothing_else(tmp_path):
    write(tmp_path / "m", 1, 2, 3)
    file = opened(tmp_path / "m")
    file.rewrite([entry(7)])
    file.close()
    assert numbers_in(tmp_path / "m") == [7]


def test_matrices_of_another_model_are_dropped(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write(tmp_path / "m", 1)
    assert numbers_in(tmp_path / "m", "model-2") == []
    assert "token matrices of another model are dropped" in caplog.messages
    assert numbers_in(tmp_path / "m") == []


def test_a_file_that_others_could_read_is_its_owners_alone_again(tmp_path):
    write(tmp_path / "m", 1)
    (tmp_path / "m").chmod(0o644)
    assert numbers_in(tmp_path / "m") == [1]
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o600


@contextmanager
def room_for(path, more):
    """Have no more bytes of room behind a file's end: a disk that is full for a moment."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", [0, 10, 200])
def test_what_did_not_fit_on_the_disk_costs_nothing_that_comes_later(tmp_path, room):
    path = tmp_path / "m"
    write(path, 1, 2)
    file = opened(path)
    file.read(PLENTY)
    with room_for(path, room), pytest.raises(OSError, match="too large"):
        file.append(entry(number) for number in range(3, 20))
    file.append([entry(20)])
    file.close()
    assert numbers_in(path) == [1, 2, 20]


def test_a_rewrite_that_fails_leaves_a_file_for_the_next_one(tmp_path):
    path = tmp_path / "m"
    write(path, 1, 2)
    file = opened(path)
    file.read(PLENTY)
    with room_for(path, 0), pytest.raises(OSError, match="too large"):
        file.rewrite(entry(number) for number in range(100))
    assert file.size == 0
    file.rewrite([entry(7)])
    file.close()
    assert numbers_in(path) == [7]


def test_a_file_in_use_is_left_alone(tmp_path, caplog):
    file = opened(tmp_path / "m")
    assert MatrixFile.open(tmp_path / "m", "model-1") is None
    assert caplog.messages == ["token matrices are not kept in a file"]
    file.close()


def test_a_path_that_cannot_be_opened_is_told(tmp_path, caplog):
    (tmp_path / "a-file").touch()
    assert MatrixFile.open(tmp_path / "a-file" / "m", "model-1") is None
    assert caplog.messages == ["token matrices are not kept in a file"]


def test_a_torn_record_costs_only_itself(tmp_path, caplog):
    write(tmp_path / "m", 1, 2)
    content = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(content[:-5])
    assert numbers_in(tmp_path / "m") == [1]
    assert caplog.messages == ["token matrices file is damaged; its rest is dropped"]
    write(tmp_path / "m", 3)
    assert numbers_in(tmp_path / "m") == [1, 3]


def test_a_matrix_under_another_s_key_is_damage(tmp_path):
    """57 bytes of header, 31 bytes of the first key before its last one."""
    write(tmp_path / "m", 1, 2)
    content = bytearray((tmp_path / "m").read_bytes())
    assert content[57 + 31] == 1
    content[57 + 31] = 3
    (tmp_path / "m").write_bytes(content)

    assert numbers_in(tmp_path / "m") == []


@pytest.mark.filterwarnings("ignore")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_raises_or_lets_a_changed_matrix_in(tmp_path, data):
    """Bytes flipped, cut out or put in anywhere: what comes back is among what was written."""
    path = tmp_path / "m"
    path.unlink(missing_ok=True)
    write(path, 1, 2, 3)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 50)))
        content[start:end] = data.draw(st.binary(max_size=50))
    path.write_bytes(content)
    if (file := MatrixFile.open(path, "model-1")) is None:
        return  # not recognised as ours any more, and left alone
    file.close()
    assert set(numbers_in(path)) <= {1, 2, 3}


@pytest.mark.parametrize("content", [b"somebody's notes, dear to them", b"x", bytes(100)])
def test_a_file_of_somebody_else_s_is_left_alone(tmp_path, content, caplog):
    path = tmp_path / "precious.txt"
    path.write_bytes(content)

    assert MatrixFile.open(path, "model") is None
    assert path.read_bytes() == content
    assert "token matrices are not kept in a file" in caplog.messages


def test_folders_are_not_made(tmp_path):
    """A mistyped path should be noticed, not created."""
    assert MatrixFile.open(tmp_path / "none" / "m", "model") is None
    assert not (tmp_path / "none").exists()
