"""Runs of neighbouring rows become one, in the direction of their mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.token_pooling import pooled


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_every_row_is_the_sum_of_its_run_of_unit_vectors(rows, factor, seed):
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    result = pooled(vectors, factor)
    assert result.dtype == np.float32
    assert len(result) == -(-rows // factor)
    if factor > 1:
        expected = [unit[start : start + factor].sum(axis=0) for start in range(0, rows, factor)]
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_factor_of_one_changes_nothing():
    vectors = np.ones((3, 4), np.float32)
    assert pooled(vectors, 1) is vectors


@pytest.mark.parametrize("factor", [2, 3])
def test_rows_of_zeros_stay_zeros(factor):
    assert not pooled(np.zeros((5, 4), np.float32), factor).any()
