"""The query-text ladder."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import Reason, Search
from proxy.recovery import MAX_CHARACTERS, QueryText, recover


def headers(*pairs):
    return CIMultiDictProxy(CIMultiDict(pairs))


def text_of(*pairs, query=None):
    (text,), reason = recover([Search(limit=10, query=query)], headers(*pairs))
    return text, reason


def test_the_request_s_own_text_wins():
    text, _ = text_of(("x-midrank-query", "from%20header"), query="own")

    assert text == QueryText("own", "request")


def test_a_blank_text_in_the_request_is_no_text():
    assert text_of(query="  ")[0] is None


def test_the_header_wins_over_baggage():
    text, _ = text_of(("baggage", "midrank.query=b"), ("X-Midrank-Query", "h"))

    assert text == QueryText("h", "header")


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_any_percent_encoded_text_arrives(text):
    expected = text.strip()

    assert text_of(("x-midrank-query", quote(text, safe="")))[0] == QueryText(expected, "header")
    assert text_of(("baggage", f"a=1, midrank.query={quote(text, safe='')};p=1"))[0] == QueryText(
        expected, "baggage"
    )


@given(st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1).filter(str.strip))
def test_form_encoded_baggage_arrives_as_opentelemetry_for_python_sends_it(text):
    assert text_of(("baggage", f"midrank.query={quote_plus(text)}"))[0] == QueryText(text.strip(), "baggage")


def test_a_plus_beside_encoded_spaces_is_a_plus():
    assert text_of(("baggage", "midrank.query=c++%20tips"))[0] == QueryText("c++ tips", "baggage")


def test_text_that_was_not_encoded_arrives_as_it_is():
    assert text_of(("x-midrank-query", "größe?"))[0] == QueryText("größe?", "header")


@pytest.mark.parametrize("value", ["100%", "%zz", "%ff", "%E2%82", "\udcff"])
def test_what_is_not_percent_encoded_utf8_is_ignored_with_a_reason(value):
    assert text_of(("x-midrank-query", value)) == (None, Reason.BAD_QUERY_HEADER)


@pytest.mark.parametrize("pairs", [(), (("baggage", "other=1,broken"),), (("x-midrank-query", "%20"),)])
def test_no_text_is_a_reason_of_its_own(pairs):
    assert text_of(*pairs) == (None, Reason.NO_QUERY_TEXT)


def test_one_text_holds_for_all_searches_of_a_call():
    texts, _ = recover([Search(5), Search(5, query="own"), Search(5)], headers(("x-midrank-query", "q")))

    assert [text.text for text in texts] == ["q", "own", "q"]


def test_several_texts_belong_to_the_searches_in_order():
    pairs = [("x-midrank-query", word) for word in ("a", "", "c")]

    texts, _ = recover([Search(5)] * 3, headers(*pairs))

    assert [text and text.text for text in texts] == ["a", None, "c"]


def test_a_wrong_number_of_texts_is_ignored():
    """Whose text is whose can't be told, and a wrong query ranks worse than none."""
    pairs = [("x-midrank-query", "a"), ("x-midrank-query", "b")]

    assert recover([Search(5)] * 3, headers(*pairs)) == ((None,) * 3, Reason.BAD_QUERY_HEADER)


def test_endless_text_is_cut():
    text, _ = text_of(("x-midrank-query", "x" * 10_000))

    assert len(text.text) == MAX_CHARACTERS
