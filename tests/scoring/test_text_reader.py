"""What is cut when a text is too long: the document, and never the query before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from proxy.scoring.text_reader import TextReader, readable
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


def test_a_long_document_is_read_in_windows_that_all_start_with_the_query(tokenizer_file):
    found = TextReader(tokenizer_file, 10).windows("the dog ran far away . a b c", "which cat ?", windows=3)
    assert [one.tokens for one in found] == [
        ["[CLS]", "which", "cat", "?", "[SEP]", "the", "dog", "ran", "[SEP]"],
        ["[CLS]", "which", "cat", "?", "[SEP]", "far", "away", ".", "[SEP]"],
        ["[CLS]", "which", "cat", "?", "[SEP]", "a", "b", "c", "[SEP]"],
    ]
    assert all(one.type_ids == [0] * 5 + [1] * 4 for one in found)


def test_a_text_of_little_more_than_a_window_becomes_two_halves(tokenizer_file):
    """A window of one word would have a score that says nothing."""
    found = TextReader(tokenizer_file, 8).windows("a b c d e f g", windows=9)
    assert [one.tokens[1:-1] for one in found] == [["a", "b", "c", "d"], ["e", "f", "g"]]


@given(
    st.lists(st.sampled_from(["the", "cat", "dog", "?", "unknown"]), max_size=120).map(" ".join),
    st.none() | st.text(max_size=60),
    st.integers(8, 40),
    st.integers(1, 6),
)
def test_windows_hold_the_first_tokens_in_order_each_once(tokenizer_file, text, query, limit, windows):
    found = TextReader(tokenizer_file, limit).windows(text, query, windows=windows)
    document = 0 if query is None else 1
    parts = [_ids(one, document) for one in found]
    whole = tiny_tokenizer().encode(text, add_special_tokens=False).ids
    most = limit - (len(found[0]) - len(parts[0]))  # what special tokens and query leave in a window
    assert [token for part in parts for token in part] == whole[: windows * most]
    assert len(parts) == max(1, min(windows, -(-len(whole) // most)))
    assert max(map(len, parts)) - min(map(len, parts)) < len(parts)
    assert max(map(len, found)) <= limit
    assert len({tuple(_ids(one, 1 - document)) for one in found}) == 1, "all have the same query"


@given(
    st.lists(st.sampled_from(["a", "a" * 40, "b" * 7, "the?", " " * 30])).map(" ".join), st.integers(3, 30)
)
def test_looking_at_less_of_a_text_gives_the_same_tokens(tokenizer_file, text, limit):
    """Words and gaps of any length: the reader has to notice when it has not seen enough."""
    whole = tiny_tokenizer().encode(readable(text, limit - 2), add_special_tokens=False)
    assert _ids(TextReader(tokenizer_file, limit).one(text), 0) == whole.ids[: limit - 2]


def _ids(encoding, sequence):
    return [
        token for token, part in zip(encoding.ids, encoding.sequence_ids, strict=True) if part == sequence
    ]
