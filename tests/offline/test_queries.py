"""Lines of input: what is a query, and what is wrong with what is none."""

from __future__ import annotations

from io import BytesIO

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.offline import queries as module
from proxy.offline.queries import BadLine, Document, Query, parse_query, read_queries


def read(*lines):
    return list(read_queries(BytesIO(b"\n".join(lines))))


def line(**changes):
    return orjson.dumps({"id": "q", "query": "why?", "documents": ["a", "b"], **changes})


def test_documents_are_strings_or_objects():
    parsed = parse_query(
        line(
            id=7,
            documents=["a", {"id": "d", "text": "b", "score": 0.5, "more": 1}, {"id": 3, "text": "c"}],
            x=1,
        )
    )

    assert parsed == Query(7, "why?", (Document(None, "a"), Document("d", "b", 0.5), Document(3, "c")))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "(line): not JSON"),
        (b"\xff", "(line): not JSON"),
        (b"[]", "(line): not an object"),
        (line(id=None), "id: missing"),
        (line(id=True), "id: a boolean"),
        (line(id=1.5), "id: a number"),
        (line(query=7), "query: a number"),
        (line(documents="a"), "documents: a string - a list"),
        (line(documents=["a", 7]), "documents[1]: a number"),
        (line(documents=[{"id": "d"}]), "documents[0].text: missing"),
        (line(documents=[{"text": "secret"}]), "documents[0].id: missing"),
        (line(documents=[{"id": "d", "text": ["x"]}]), "documents[0].text: a list"),
        (line(documents=[{"id": "d", "text": "x", "score": "9"}]), "documents[0].score: a string - a number"),
        (line(documents=[{"id": "d", "text": "x"}, {"id": "d", "text": "y"}]), "documents: an id twice"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(content, words):
    with pytest.raises(BadLine) as bad:
        parse_query(content)

    assert words in str(bad.value)
    assert "secret" not in str(bad.value)


def test_ids_of_two_kinds_are_two_ids():
    documents = [{"id": "1", "text": "x"}, {"id": 1, "text": "y"}]

    assert [type(one) for _, one in read(line(id="1", documents=documents), line(id=1))] == [Query, Query]


def test_lines_have_numbers_and_empty_ones_count():
    assert [(number, type(one)) for number, one in read(line(id=1), b"", b"  ", b"junk", line(id=2))] == [
        (1, Query),
        (4, BadLine),
        (5, Query),
    ]


def test_an_id_may_come_once():
    (_, first), (number, second) = read(line(), line(query="else"))

    assert isinstance(first, Query)
    assert (number, str(second)) == (2, "id: the same as before - an id of its own for every query")


def test_a_line_without_end_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE", 100)
    found = read(line(id=1), b'{"id": "' + b"x" * 1000, line(id=2))

    assert [(number, str(getattr(one, "id", one))) for number, one in found] == [
        (1, "1"),
        (2, "(line): above 100 bytes - a shorter one"),
        (3, "2"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "query", "documents", "text", "score"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_stands_there_is_a_query_or_a_bad_line(value):
    try:
        content = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        return
    for _, one in read(content, line(documents=value) if isinstance(value, list) else content):
        assert isinstance(one, Query | BadLine)
