"""Bytes to what is asked, and what is told to bytes: the three dialects, without a server."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rerank_api.base import Asked, Refused, Row, Told, spoken
from proxy.rerank_api.cohere import CohereDialect
from proxy.rerank_api.jina import JinaDialect
from proxy.rerank_api.tei import TeiDialect

JINA, COHERE, TEI = JinaDialect(), CohereDialect(), TeiDialect()
ALL = (JINA, COHERE, TEI)
TOLD = Told("7", "mini", [Row(1, 0.75), Row(0, 0.5)])


def body(dialect, *documents, **more):
    key = "texts" if dialect is TEI else "documents"
    return json.dumps({"query": "q", key: documents, **more}).encode()


@pytest.mark.parametrize("dialect", ALL)
def test_a_plain_request_asks_for_all_of_its_texts(dialect):
    asked = dialect.decode(body(dialect, "a", "b"))

    assert (asked.query, asked.texts, asked.top_n, asked.raw_scores) == ("q", ("a", "b"), None, False)


@pytest.mark.parametrize("dialect", ALL)
def test_fields_that_the_policy_decides_about_may_be_anything(dialect):
    more = {"model": "rerank-v3.5", "priority": 0, "truncate": True, "max_tokens_per_doc": None, "new": [{}]}

    assert dialect.decode(body(dialect, "a", **more)).texts == ("a",)


@pytest.mark.parametrize("dialect", [JINA, COHERE])
def test_documents_may_be_objects_with_a_text(dialect):
    assert dialect.decode(body(dialect, {"text": "a", "id": 1}, "b")).texts == ("a", "b")


def test_cohere_v1_names_the_fields_to_read():
    document = {"title": "T", "text": "not read", "year": 2020, "tags": ["x"], "note": None}
    asked = JINA.decode(body(JINA, document, "plain", rank_fields=["year", "title", "note", "tags", "gone"]))

    assert asked.texts == ('2020\nT\n["x"]', "plain")
    assert JINA.decode(body(JINA, {"text": "read"}, rank_fields=["gone"])).texts == ("read",)


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
    assert dialect.decode(body(dialect, "a", "b", **more)).top_n == top_n


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
        dialect.decode(damage)

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
    assert spoken([TEI, JINA], sent) is dialect
    assert spoken([JINA], sent) is JINA


def test_tei_tells_the_empty_request_from_the_wrong_one():
    statuses = []
    for damage in (body(TEI), b"{}"):
        with pytest.raises(Refused) as refused:
            TEI.decode(damage)
        statuses.append(refused.value.status)

    assert statuses == [400, 422]


def test_cohere_takes_no_zero_for_all():
    with pytest.raises(Refused, match="top_n"):
        COHERE.decode(body(COHERE, "a", top_n=0))


def test_a_refusal_says_where_and_quotes_nothing():
    with pytest.raises(Refused) as refused:
        JINA.decode(body(JINA, "fine", {"private-key": "private-text"}, ["private"]))

    assert str(refused.value).startswith("documents.2: ")
    assert "private" not in str(refused.value)


def test_v1_answers_in_jina_s_words_and_in_cohere_s():
    answer = orjson.loads(JINA.encode(JINA.decode(body(JINA, "a", {"text": "b", "id": 2**70})), TOLD))

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
    answer = orjson.loads(JINA.encode(JINA.decode(body(JINA, "a", "b", return_documents=False)), TOLD))

    assert answer["results"][0] == {"index": 1, "relevance_score": 0.75}


def test_v2_answers_as_cohere_does():
    assert orjson.loads(COHERE.encode(COHERE.decode(body(COHERE, "a", "b")), TOLD)) == {
        "id": "7",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.5}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 0}},
    }


def test_tei_answers_with_a_bare_array():
    asked = TEI.decode(body(TEI, "a", "b"))
    echoing = TEI.decode(body(TEI, "a", "b", return_text=True))

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
        asked = dialect.decode(json.dumps(sent).encode())
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
