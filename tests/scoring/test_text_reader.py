"""What is cut when a text is too long: the document, and never the query before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from proxy.scoring.text_reader import TextReader
from tests.fakes.tiny_bert import tiny_tokenizer


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tiny_tokenizer().save(str(path))
    return path


def test_a_short_pair_is_what_the_tokenizer_makes_of_it(tokenizer_file):
    found = TextReader(tokenizer_file, 64).pair("which cat ?", "the cat sat.")
    expected = Tokenizer.from_file(str(tokenizer_file)).encode("which cat ?", "the cat sat.")
    assert found.ids == expected.ids
    assert found.type_ids == expected.type_ids
    assert found.tokens == ["[CLS]", "which", "cat", "?", "[SEP]", "the", "cat", "sat", ".", "[SEP]"]


def test_the_document_is_cut_and_not_the_query(tokenizer_file):
    found = TextReader(tokenizer_file, 10).pair("which cat ?", "the dog ran far away on the mat")
    assert found.tokens == ["[CLS]", "which", "cat", "?", "[SEP]", "the", "dog", "ran", "far", "[SEP]"]
    assert found.type_ids == [0] * 5 + [1] * 5


def test_a_query_without_end_leaves_half_to_the_document(tokenizer_file):
    found = TextReader(tokenizer_file, 10).pair("which one ? " * 50, "the dog ran far away")
    assert found.tokens == ["[CLS]", "which", "one", "?", "which", "one", "[SEP]", "the", "dog", "[SEP]"]


def test_a_single_text_is_cut_to_the_limit(tokenizer_file):
    reader = TextReader(tokenizer_file, 6)
    assert reader.one("a b c d e f g").tokens == ["[CLS]", "a", "b", "c", "d", "[SEP]"]
    assert reader.one("a b c d e f g", 4).tokens == ["[CLS]", "a", "b", "[SEP]"]
    assert reader.one("a", 99).tokens == ["[CLS]", "a", "[SEP]"]


def test_a_special_token_spelt_out_in_a_text_is_text(tokenizer_file):
    """Otherwise a document could pretend where the query ends."""
    ids = TextReader(tokenizer_file, 64).pair("which ?", "[SEP] the cat [CLS]").ids
    separator = tiny_tokenizer().token_to_id("[SEP]")
    assert ids.count(separator) == 2


@given(st.text(max_size=200), st.text(max_size=400), st.integers(8, 60))
def test_any_texts_fit_and_both_get_a_place(tokenizer_file, query, text, limit):
    reader = TextReader(tokenizer_file, limit)
    pair = reader.pair(query, text)
    assert len(pair) <= limit
    whole = tiny_tokenizer().encode(text, add_special_tokens=False)
    if len(whole):
        assert 1 in pair.sequence_ids
    assert len(reader.one(text)) <= limit
