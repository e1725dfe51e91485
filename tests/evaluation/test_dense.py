"""The embeddings are those of the model's card: unit length, and near for texts that mean the same."""

import numpy as np
import pytest

from proxy.evaluation.dense import Embedder

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def model():
    return Embedder()


@pytest.fixture(scope="module")
def vectors(model):
    return model.embed(
        ["Remove a directory tree.", "Delete a folder and all in it.", "The sine of x.", "word " * 5000]
    )


def test_there_is_one_unit_vector_per_text(vectors):
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_of_one_meaning_are_near(vectors):
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > similarity[0, 2] + 0.2


def test_a_vector_does_not_depend_on_its_neighbours(model, vectors):
    assert np.array_equal(model.embed(["The sine of x."])[0], vectors[2])


def test_every_text_moves_the_bar(model):
    counts = []
    model.embed(["a", "b", "c"], counts.append)
    assert counts == [1, 1, 1]
