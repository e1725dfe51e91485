"""What an earlier run has prepared is found again, whole, and only if it fits."""

import numpy as np
import pytest

from proxy.demo.corpus import Passage
from proxy.demo.kept import demo_folder, kept_corpus, kept_vectors, only_one
from proxy.demo.servers import DemoFailed


def counted(calls):
    def embed(texts):
        calls.append(list(texts))
        return np.ones((len(texts), 2), dtype=np.float32)

    return embed


def test_vectors_are_computed_once_for_the_same_texts(tmp_path):
    calls = []
    first = kept_vectors(tmp_path, ["a", "b"], counted(calls))
    again = kept_vectors(tmp_path, ["a", "b"], counted(calls))
    assert calls == [["a", "b"]]
    assert np.array_equal(first, again)


def test_other_texts_have_other_vectors(tmp_path):
    calls = []
    kept_vectors(tmp_path, ["a", "b"], counted(calls))
    kept_vectors(tmp_path, ["ab"], counted(calls))
    assert calls == [["a", "b"], ["ab"]]


def test_an_interrupted_run_keeps_no_half_a_file(tmp_path):
    def interrupted(texts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_vectors(tmp_path, ["a"], interrupted)
    assert list(tmp_path.iterdir()) == []


def test_the_corpus_is_the_same_when_it_is_read_back(tmp_path):
    passages = (Passage("a.b", "a.b", "a.b(c)\nDoes d."), Passage("a.b#2", "a.b", "And é."))
    assert kept_corpus(tmp_path, lambda: passages) == passages
    assert kept_corpus(tmp_path, lambda: pytest.fail("it was kept")) == passages


def test_a_second_demo_is_kept_out_of_the_folder(tmp_path):
    with only_one(tmp_path), pytest.raises(DemoFailed, match="Another demo"), only_one(tmp_path):
        pytest.fail("the block must not run")
    with only_one(tmp_path):
        pass


def test_the_folder_follows_the_environment(tmp_path):
    assert demo_folder({"MIDRANK_CACHE_DIR": str(tmp_path)}) == tmp_path / "demo"
