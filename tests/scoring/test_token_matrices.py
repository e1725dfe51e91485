"""The cache of token matrices: bounded, least recently used goes first, and back after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.scoring.token_matrices import TokenMatrices
from proxy.scoring.token_matrix import TokenMatrix


def key(number: int) -> bytes:
    return number.to_bytes(32)


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


def test_what_was_used_longest_ago_makes_room():
    matrices = filled(TokenMatrices(3 * 4500), 1, 2, 3)
    matrices.get(key(1))
    filled(matrices, 4)
    assert [number for number in (1, 2, 3, 4) if key(number) in matrices] == [1, 3, 4]


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
        await filled(matrices, *range(start, start + 5)).close()
        assert (tmp_path / "m").stat().st_size <= 2 * bound
    matrices = await reopened(tmp_path / "m", max_bytes=bound)
    assert key(99) in matrices
    await matrices.close()


async def test_a_file_in_use_costs_the_file_not_the_cache(tmp_path):
    first = await reopened(tmp_path / "m")
    second = filled(await reopened(tmp_path / "m"), 1)
    assert key(1) in second
    await second.close()
    await first.close()


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
