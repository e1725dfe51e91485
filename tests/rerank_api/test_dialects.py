"""Bytes to what is asked, and what is told to bytes: the three dialects, without a server."""

from __future__ import annotations

import json
import math
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rerank_api.base import Asked, Refused, Row, Told, understood
from proxy.rerank_api.cohere import CohereDialect
from proxy.rerank_api.jina import JinaDialect
from proxy.rerank_api.tei import TeiDialect

JINA, COHERE, TEI = JinaDialect(), CohereDialect(), TeiDialect()
ALL = (JINA, COHERE, TEI)
TOLD = Told("7", "mini", [Row(1, 0.75), Row(0, 0.5)])


def body(dialect, *documents, **more):
    key = "texts" if dialect is TEI else "documents"
    return json.dumps({"query": "q", key: documents, **more}).encode()


def decode(dialect, sent, most=100):
    """Give what a body asks, or raise why it is refused."""
    _, asked = understood([dialect], sent, most)
    if isinstance(asked, Refused):
        raise asked
    return asked


@pytest.mark.parametrize("dialect", ALL)
def test_a_plain_request_asks_for_all_of_its_texts(dialect):
    asked = decode(dialect, body(dialect, "a", "b"))

    assert (asked.query, asked.texts, asked.top_n, asked.raw_scores) == ("q", ("a", "b"), None, False)


@pytest.mark.parametrize("dialect", ALL)
def test_fields_that_the_policy_decides_about_may_be_anything(dialect):
    more = {"model": "rerank-v3.5", "priority": 0, "truncate": True, "max_tokens_per_doc": None, "new": [{}]}

    assert decode(dialect, body(dialect, "a", **more)).texts == ("a",)


@pytest.mark.parametrize("dialect", [JINA, COHERE])
def test_documents_may_be_objects_with_a_text(dialect):
    assert decode(dialect, body(dialect, {"text": "a", "id": 1}, "b")).texts == ("a", "b")


def test_cohere_v1_names_the_fields_to_read():
    document = {"title": "T", "text": "not read", "year": 2020, "tags": ["x"], "note": None}
    asked = decode(JINA, body(JINA, document, "plain", rank_fields=["year", "title", "note", "tags", "gone"]))

    assert asked.texts == ('2020\nT\n["x"]', "plain")
    assert decode(JINA, body(JINA, {"text": "read"}, rank_fields=["gone"])).texts == ("read",)


@pytest.mark.parametrize(
    ("dialect", "more", "top_n"),
    [
        (JINA, {"top_n": 1}, 1),
        (JINA, {"top_n": 1.0}, 1),
        (JINA, {"top_n": 0}, None),
        (JINA, {"top_n": None}, None),
        (COHERE, {"top_n": 1}, 1),
        (COHERE, {"top_n": None}, None),
    ],
)
def test_the_rows_that_are_wanted_may_be_limited(dialect, more, top_n):
    assert decode(dialect, body(dialect, "a", "b", **more)).top_n == top_n


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"query": "\\ud800", "documents": ["a"], "texts": ["a"]}',
        b'{"query": "", "documents": ["a"], "texts": ["a"]}',
        b'{"query": null, "documents": ["a"], "texts": ["a"]}',
        b'{"query": "q"}',
        b'{"query": "q", "documents": [], "texts": []}',
        b'{"query": "q", "documents": "a", "texts": "a"}',
        b'{"query": "q", "documents": [1], "texts": [1]}',
        b'{"query": "q", "documents": [null], "texts": [null]}',
        b'{"query": "q", "documents": [{}], "texts": [{}]}',
        b'{"query": "q", "documents": [{"text": 1}], "texts": [{"text": 1}]}',
        b'{"query": "q", "documents": [{"image": "x"}], "texts": [{"image": "x"}]}',
        b'{"query": "q", "documents": ["a"], "texts": ["a"], "top_n": "2", "raw_scores": "no"}',
        b'{"query": "q", "documents": ["a"], "texts": ["a"], "top_n": -1, "return_text": 0}',
        b'{"query": "q", "documents": ["a"], "texts": ["a"], "top_n": true, "return_text": null}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_what_is_no_request_is_refused(dialect, damage):
    with pytest.raises(Refused) as refused:
        decode(dialect, damage)

    assert refused.value.status in dialect.refusals


@pytest.mark.parametrize(
    ("sent", "dialect"),
    [
        (b'{"texts": [], "documents": []}', TEI),
        (b'{"documents": []}', JINA),
        (b'{"query": "documents"}', TEI),
        (b"[]", TEI),
        (b"{", TEI),
    ],
)
def test_where_two_share_a_path_the_field_with_the_texts_tells_them_apart(sent, dialect):
    assert understood([TEI, JINA], sent, 9)[0] is dialect
    assert understood([JINA], sent, 9)[0] is JINA


def test_tei_tells_the_empty_request_from_the_wrong_one():
    statuses = []
    for damage in (body(TEI), b"{}"):
        with pytest.raises(Refused) as refused:
            decode(TEI, damage)
        statuses.append(refused.value.status)

    assert statuses == [400, 422]


def test_cohere_takes_no_zero_for_all():
    with pytest.raises(Refused, match="top_n"):
        decode(COHERE, body(COHERE, "a", top_n=0))


def test_a_refusal_says_where_and_quotes_nothing():
    with pytest.raises(Refused) as refused:
        decode(JINA, body(JINA, "fine", {"private-key": "private-text"}, ["private"]))

    assert str(refused.value).startswith("documents.2: ")
    assert "private" not in str(refused.value)


@pytest.mark.parametrize("dialect", ALL)
def test_of_a_list_of_nonsense_the_first_item_is_told(dialect):
    """Two million errors would hold up all other requests for seconds, and fill the memory."""
    count = 100_000
    sent = body(dialect, *[1] * count)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=r"\.0: ") as refused:
            decode(dialect, sent, most=count)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert refused.value.status == dialect.refusals[-1]
    assert peak < 64 * count, "the list, and nothing else for each item"


@pytest.mark.parametrize("dialect", ALL)
def test_texts_are_counted_before_they_are_looked_at(dialect):
    with pytest.raises(Refused, match="3 documents are more than 2"):
        decode(dialect, body(dialect, 1, {}, None), most=2)
    assert decode(dialect, body(dialect, "a", "b"), most=2).texts == ("a", "b")


@pytest.mark.parametrize("fields", [["text"] * 65, [1] * 64, []], ids=["too many", "no strings", "none"])
def test_only_a_few_keys_can_be_named(fields):
    with pytest.raises(Refused, match="rank_fields"):
        decode(JINA, body(JINA, {"text": "a"}, rank_fields=fields))


def test_a_key_that_is_named_again_and_again_is_read_once():
    assert decode(JINA, body(JINA, {"title": "a"}, rank_fields=["title"] * 64)).texts == ("a",)


def test_numbers_that_json_has_no_word_for_go_back_as_null():
    document = b'{"text": "a", "far": 1e999, "none": [NaN], "near": -Infinity}'
    sent = b'{"query": "q", "documents": [%b], "rank_fields": ["text", "far"]}' % document
    asked = decode(JINA, sent)
    answer = orjson.loads(JINA.encode(asked, Told("1", "m", [Row(0, 1.0)])))

    assert answer["results"][0]["document"] == {"text": "a", "far": None, "none": [None], "near": None}
    assert asked.texts == ("a\nnull",)


@pytest.mark.parametrize("depth", range(1, 400, 7))
def test_deep_documents_are_answered_or_refused(depth):
    sent = b'{"query": "q", "documents": [{"text": "a", "x": %b%b}], "rank_fields": ["x"]}'
    _, asked = understood([JINA], sent % (b"[" * depth, b"]" * depth), 1)

    assert isinstance(asked, Refused) is (depth > 197)
    assert isinstance(asked, Refused) or JINA.encode(asked, Told("1", "m", [Row(0, 1.0)]))


def test_v1_answers_in_jina_s_words_and_in_cohere_s():
    answer = orjson.loads(JINA.encode(decode(JINA, body(JINA, "a", {"text": "b", "id": 2**70})), TOLD))

    assert answer == {
        "id": "7",
        "object": "list",
        "model": "mini",
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
        "results": [
            {"index": 1, "relevance_score": 0.75, "document": {"text": "b", "id": 2**70}},
            {"index": 0, "relevance_score": 0.5, "document": {"text": "a"}},
        ],
        "meta": {"api_version": {"version": "1"}, "billed_units": {"search_units": 0}},
    }


def test_v1_leaves_documents_out_where_it_is_asked_to():
    answer = orjson.loads(JINA.encode(decode(JINA, body(JINA, "a", "b", return_documents=False)), TOLD))

    assert answer["results"][0] == {"index": 1, "relevance_score": 0.75}


def test_v2_answers_as_cohere_does():
    assert orjson.loads(COHERE.encode(decode(COHERE, body(COHERE, "a", "b")), TOLD)) == {
        "id": "7",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.5}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 0}},
    }


def test_tei_answers_with_a_bare_array():
    asked = decode(TEI, body(TEI, "a", "b"))
    echoing = decode(TEI, body(TEI, "a", "b", return_text=True))

    assert orjson.loads(TEI.encode(asked, TOLD)) == [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.5}]
    assert orjson.loads(TEI.encode(echoing, TOLD))[0] == {"index": 1, "score": 0.75, "text": "b"}


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        (JINA, {"id": "7", "message": "no", "detail": "no"}),
        (COHERE, {"id": "7", "message": "no"}),
        (TEI, {"error": "no", "error_type": "Validation"}),
    ],
)
def test_each_has_its_own_errors(dialect, error):
    assert orjson.loads(dialect.encode_error(413, "no", "7")) == error


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "query",
    "documents",
    "texts",
    "top_n",
    "rank_fields",
    "return_documents",
    "raw_scores",
    "return_text",
)
USUAL = st.text() | st.lists(st.text() | st.fixed_dictionaries({"text": st.text()}), max_size=4)


@pytest.mark.parametrize("dialect", ALL)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, USUAL | JSON)))
def test_whatever_is_sent_is_refused_or_can_be_answered(dialect, sent):
    try:
        asked = decode(dialect, json.dumps(sent).encode())
    except Refused as refused:
        status = refused.status
    else:
        status = 200
    if status != 200:
        assert status in dialect.refusals
        return
    rows = [Row(index, 0.0) for index in range(len(asked.texts))]

    assert isinstance(asked, Asked)
    assert all(isinstance(text, str) for text in asked.texts)
    assert orjson.loads(dialect.encode(asked, Told("1", "m", rows))) is not None


@given(st.lists(st.floats(0, 1)))
def test_scores_are_written_as_they_are(scores):
    told = Told("1", "m", [Row(index, score) for index, score in enumerate(scores)])
    answer = orjson.loads(COHERE.encode(Asked("q", ("a",) * len(scores)), told))

    written = [result["relevance_score"] for result in answer["results"]]
    assert all(math.isclose(one, other, abs_tol=1e-12) for one, other in zip(written, scores, strict=True))
