"""The cache of token matrices: bounded, kept for what is wanted most, and back after a restart."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.token_matrices import TokenMatrices
from proxy.scoring.token_matrix import TokenMatrix


def key(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4)).digest()


def matrix(number: int, tokens: int = 10) -> TokenMatrix:
    rows = np.random.default_rng(number).normal(size=(tokens, 384)).astype(np.float32)
    return TokenMatrix.pack(rows)


def filled(matrices: TokenMatrices, *numbers: int) -> TokenMatrices:
    for number in numbers:
        matrices.put(key(number), matrix(number))
    return matrices


def test_what_was_put_is_known():
    matrices = filled(TokenMatrices(2**20), 1)
    assert key(1) in matrices
    assert key(2) not in matrices
    np.testing.assert_array_equal(matrices.get(key(1)).values, matrix(1).values)
    assert matrices.get(key(2)) is None


def test_the_memory_is_bounded():
    matrices = filled(TokenMatrices(50_000), *range(100))
    assert 5 < len(matrices) < 100
    assert matrices.nbytes <= 50_000


def search(matrices: TokenMatrices, *numbers: int) -> int:
    """Ask for documents, as a search does, and put those that are not known; count those that are."""
    known = [matrices.get(key(number)) is not None for number in numbers]
    filled(matrices, *(number for number, is_known in zip(numbers, known, strict=True) if not is_known))
    return sum(known)


def test_what_was_used_longest_ago_makes_room_for_what_is_used_more():
    matrices = filled(TokenMatrices(3 * 4500), 1, 2, 3)
    matrices.get(key(1))
    search(matrices, 4)
    assert [number for number in (1, 2, 3, 4) if key(number) in matrices] == [1, 3, 4]


def test_what_nobody_asked_for_takes_free_room_only():
    matrices = TokenMatrices(3 * 4500)
    assert matrices.has_room
    filled(matrices, 1, 2, 3, 4)
    assert not matrices.has_room
    assert [number for number in (1, 2, 3, 4) if key(number) in matrices] == [1, 2, 3]
    assert not matrices.would_keep(key(4))
    matrices.get(key(4))
    assert matrices.would_keep(key(4))
    assert not matrices.would_keep(key(1))


def test_searches_over_more_than_fits_know_nearly_what_fits():
    """Least recently used alone would know none: each document would have gone just before its turn."""
    matrices = TokenMatrices(50 * 4500)
    search(matrices, *range(100))
    fitting = len(matrices)
    assert all(search(matrices, *range(100)) >= 0.8 * fitting for _ in range(5))


def test_one_look_at_everything_leaves_what_is_used_every_day():
    matrices = TokenMatrices(50 * 4500)
    for _ in range(3):
        search(matrices, *range(20))
    search(matrices, *range(1000, 1300))
    assert search(matrices, *range(20)) == 20


def test_what_is_wanted_now_takes_the_place_of_what_was():
    matrices = TokenMatrices(20 * 4500)
    for _ in range(5):
        search(matrices, *range(20))
    for _ in range(10):
        search(matrices, *range(100, 115))
    assert search(matrices, *range(100, 115)) == 15


@given(
    bound=st.integers(0, 60_000),
    steps=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40), st.booleans()), max_size=80),
)
def test_whatever_is_asked_and_put_memory_is_counted_right_and_bounded(bound, steps):
    matrices = TokenMatrices(bound)
    for number, tokens, asked in steps:
        if asked:
            matrices.get(key(number))
        before = matrices.get(key(number)) if key(number) in matrices else None
        matrices.put(key(number), matrix(number, tokens))
        assert before is None or matrices.get(key(number)) is before
        assert matrices.nbytes <= bound
    assert matrices.nbytes == sum(one.nbytes + 500 for one in matrices._entries.values())


def test_putting_a_document_again_counts_it_once():
    once = filled(TokenMatrices(2**20), 1).nbytes
    assert filled(TokenMatrices(2**20), 1, 1, 1).nbytes == once


def test_a_matrix_larger_than_the_bound_is_not_kept():
    assert len(filled(TokenMatrices(100), 1)) == 0


async def reopened(path, *, max_bytes=2**20, identity="model-1") -> TokenMatrices:
    matrices = TokenMatrices(max_bytes, path=path)
    await matrices.open(identity)
    return matrices


async def test_documents_are_known_after_a_restart(tmp_path):
    await filled(await reopened(tmp_path / "m"), 1, 2).close()
    matrices = await reopened(tmp_path / "m")
    assert key(1) in matrices
    assert key(2) in matrices
    np.testing.assert_array_equal(matrices.get(key(2)).unpack(), matrix(2).unpack())
    await matrices.close()


async def test_another_models_documents_are_not_known(tmp_path):
    await filled(await reopened(tmp_path / "m"), 1).close()
    matrices = await reopened(tmp_path / "m", identity="model-2")
    assert len(matrices) == 0
    await matrices.close()


async def test_the_file_is_bounded_too(tmp_path):
    bound = 20_000
    for start in range(0, 100, 5):
        matrices = await reopened(tmp_path / "m", max_bytes=bound)
        search(matrices, *range(start, start + 5))
        await matrices.close()
        assert (tmp_path / "m").stat().st_size <= 2 * bound
    matrices = await reopened(tmp_path / "m", max_bytes=bound)
    assert key(95) in matrices
    await matrices.close()


async def test_a_file_in_use_costs_the_file_not_the_cache(tmp_path):
    first = await reopened(tmp_path / "m")
    second = filled(await reopened(tmp_path / "m"), 1)
    assert key(1) in second
    await second.close()
    await first.close()


async def test_what_can_not_be_saved_is_saved_the_next_time(tmp_path, caplog):
    matrices = filled(await reopened(tmp_path / "m"), 1)
    working, matrices._file.append = matrices._file.append, lambda entries: 1 / 0
    await matrices._save()
    assert caplog.messages == ["token matrices not saved"]
    matrices._file.append = working
    await filled(matrices, 2).close()
    matrices = await reopened(tmp_path / "m")
    assert [key(number) in matrices for number in (1, 2)] == [True, True]
    await matrices.close()


async def test_a_file_that_was_lost_gets_everything_again(tmp_path):
    matrices = filled(await reopened(tmp_path / "m"), 1)
    await matrices._save()
    matrices._file.size = 0
    await filled(matrices, 2).close()
    matrices = await reopened(tmp_path / "m")
    assert [key(number) in matrices for number in (1, 2)] == [True, True]
    await matrices.close()


@pytest.mark.parametrize("path", ["/dev/full"])
async def test_a_full_disk_is_logged_not_raised(path, caplog, tmp_path):
    (tmp_path / "m").symlink_to(path)
    matrices = await reopened(tmp_path / "m")
    await filled(matrices, 1).close()
    assert set(caplog.messages) <= {
        "token matrices not read",
        "token matrices not saved",
        "token matrices are not kept in a file",
        "token matrices of another model are dropped",
    }
