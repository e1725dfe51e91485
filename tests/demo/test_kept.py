"""What an earlier run has prepared is found again, whole, and only if it fits."""

import pytest

from proxy.demo.corpus import Passage
from proxy.demo.kept import InUse, demo_folder, kept_corpus, only_one


def test_the_corpus_is_the_same_when_it_is_read_back(tmp_path):
    passages = (Passage("a.b", "a.b", "a.b(c)\nDoes d."), Passage("a.b#2", "a.b", "And é."))
    assert kept_corpus(tmp_path, lambda: passages) == passages
    assert kept_corpus(tmp_path, lambda: pytest.fail("it was kept")) == passages


def test_a_second_demo_is_kept_out_of_the_folder(tmp_path):
    with only_one(tmp_path), pytest.raises(InUse, match="Another demo"), only_one(tmp_path):
        pytest.fail("the block must not run")
    with only_one(tmp_path):
        pass


def test_the_folder_follows_the_environment(tmp_path):
    assert demo_folder({"MIDRANK_CACHE_DIR": str(tmp_path)}) == tmp_path / "demo"
