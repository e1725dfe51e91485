"""MaxSim by blocks of int8 against the formula it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.token_matrix import TokenMatrix, max_sim


def vectors(tokens: int, dimensions: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(tokens, dimensions)).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_packing_gives_unit_vectors_back():
    rows = vectors(50, 384)
    np.testing.assert_allclose(TokenMatrix.pack(rows).unpack(), unit(rows), atol=2e-3)


def test_a_packed_matrix_takes_a_quarter_of_the_floats():
    assert TokenMatrix.pack(vectors(100, 384)).nbytes == 100 * 388


def test_a_row_of_zeros_packs_to_zeros():
    packed = TokenMatrix.pack(np.zeros((2, 8), dtype=np.float32))
    assert not packed.unpack().any()


@given(st.integers(1, 40), st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_max_sim_is_the_mean_of_the_best_matches(query_tokens, lengths, seed):
    query = vectors(query_tokens, seed=seed)
    documents = [vectors(length, seed=seed + place + 1) for place, length in enumerate(lengths)]
    expected = [(unit(query) @ unit(document).T).max(axis=1).mean() for document in documents]
    found = max_sim(TokenMatrix.pack(query), [TokenMatrix.pack(document) for document in documents])
    assert found.dtype == np.float32
    # Of a single token nothing evens out what the packing rounds.
    np.testing.assert_allclose(found, expected, atol=2e-2)


@pytest.mark.parametrize(("tokens", "dimensions"), [(1, 1), (7, 384), (512, 1024)])
def test_a_text_matches_itself_best(tokens, dimensions):
    text = TokenMatrix.pack(vectors(tokens, dimensions))
    other = TokenMatrix.pack(vectors(tokens, dimensions, seed=1))
    same, different = max_sim(text, [text, other])
    assert same == pytest.approx(1, abs=0.01)
    assert different <= same + 0.01


def test_an_unknown_document_has_no_score():
    text = TokenMatrix.pack(vectors(3))
    assert np.isnan(max_sim(text, [None, text, None])).tolist() == [True, False, True]


def test_no_documents_have_no_scores():
    assert max_sim(TokenMatrix.pack(vectors(3)), []).shape == (0,)
