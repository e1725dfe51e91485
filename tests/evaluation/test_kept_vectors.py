"""Vectors are computed once, and found again whole, or not at all."""

import os

import numpy as np
import pytest

from proxy.evaluation.kept_vectors import evaluation_folder, kept_vectors


class Counting:
    """A model whose vectors tell how long a text is."""

    identity = "lengths"

    def __init__(self):
        self.embedded = []

    def embed(self, texts, advance=None):
        self.embedded += texts
        for _ in texts if advance else ():
            advance(1)
        return np.array([[len(text), 1] for text in texts], np.float32)


@pytest.fixture
def model():
    return Counting()


def test_vectors_are_computed_once_for_the_same_texts(tmp_path, model):
    first = kept_vectors(tmp_path, ["a", "bb"], model)
    again = kept_vectors(tmp_path, ["a", "bb"], model)

    assert model.embedded == ["a", "bb"]
    assert first.tolist() == again.tolist() == [[1, 1], [2, 1]]


def test_other_texts_have_other_vectors_even_of_the_same_letters(tmp_path, model):
    for texts in (["a", "b"], ["ab"], ["1:a", "b"], ["1:a1:b"]):
        assert kept_vectors(tmp_path, texts, model).tolist() == [[len(text), 1] for text in texts]


def test_another_model_has_other_vectors(tmp_path, model):
    kept_vectors(tmp_path, ["a"], model)
    model.identity = "another"
    kept_vectors(tmp_path, ["a"], model)

    assert model.embedded == ["a", "a"]


def test_a_run_that_was_ended_is_gone_on_with(tmp_path, model):

    def interrupted(texts, advance=None):
        raise KeyboardInterrupt

    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    kept_vectors(tmp_path, texts[:2], model, at_once=2)
    ended = Counting()
    ended.embed = interrupted
    with pytest.raises(KeyboardInterrupt):
        kept_vectors(tmp_path, texts, ended, at_once=2)

    assert kept_vectors(tmp_path, texts, model, at_once=2)[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert model.embedded == texts


def test_every_text_is_told_of_once_wherever_its_vector_is_from(tmp_path, model):
    kept_vectors(tmp_path, ["a", "bb"], model, at_once=2)
    told = []
    kept_vectors(tmp_path, ["a", "bb", "ccc"], model, told.append, at_once=2)

    assert sum(told) == 3


@pytest.mark.parametrize("damage", [b"", b"junk", "cut", "other"])
def test_a_file_that_is_damaged_is_made_again(tmp_path, model, damage):
    kept_vectors(tmp_path, ["a", "bb"], model)
    (file,) = tmp_path.iterdir()
    if damage == "other":
        np.save(file, np.array([[np.nan, 1], [2, 1]], np.float32))
    else:
        file.write_bytes(file.read_bytes()[:-3] if damage == "cut" else damage)

    assert kept_vectors(tmp_path, ["a", "bb"], model).tolist() == [[1, 1], [2, 1]]
    assert len(model.embedded) == 4


def test_a_file_never_runs_code(tmp_path, model):
    kept_vectors(tmp_path, ["a"], model)
    (file,) = tmp_path.iterdir()
    with file.open("wb") as written:
        np.save(written, np.array([print], dtype=object), allow_pickle=True)

    assert kept_vectors(tmp_path, ["a"], model).tolist() == [[1, 1]]


def test_what_was_not_used_for_longest_is_removed(tmp_path, model):
    for age, text in ((3, "old"), (2, "older"), (1, "new")):
        before = set(tmp_path.iterdir())
        kept_vectors(tmp_path, [text], model)
        (made,) = set(tmp_path.iterdir()) - before
        os.utime(made, (1000 - age, 1000 - age))
    model.embedded.clear()
    kept_vectors(tmp_path, ["old"], model, most_bytes=2 * made.stat().st_size)

    assert len(list(tmp_path.iterdir())) == 2
    kept_vectors(tmp_path, ["new"], model)
    assert model.embedded == []


def test_the_folder_follows_the_environment(tmp_path):
    assert evaluation_folder({"MIDRANK_CACHE_DIR": str(tmp_path)}) == tmp_path / "evaluation"
