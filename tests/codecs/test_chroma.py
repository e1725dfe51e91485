from __future__ import annotations

import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.codecs.chroma import ChromaCodec, ChromaNameBook
from proxy.codecs.text import TextFields
from proxy.errors import Undecodable
from proxy.model import Candidate, Ranking, Search, WireRequest
from tests.codecs.searches import CHROMA, ok, pages_of, post

ANSWER = (
    b'{"ids":[["a","b","c"]],"embeddings":null,"documents":[["one","two",null]],"uris":null,'
    b'"metadatas":[[{"k":123456789012345678901234},null,{"k":1.10}]],"distances":[[1e3,0.50,-1e-7]],'
    b'"include":["documents","metadatas","distances"]}'
)


def codec(*paths: str) -> ChromaCodec:
    return ChromaCodec(lambda _: TextFields(paths))


def request(**members):
    return post(CHROMA, json.dumps({"query_embeddings": [[0.5, 1]], **members}).encode())


# --- what is claimed -------------------------------------------------------------------------


@pytest.mark.parametrize("target", [CHROMA, CHROMA + "?limit=3", "/some/prefix" + CHROMA])
def test_queries_are_claimed(target) -> None:
    assert codec().claims("POST", target)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", CHROMA),
        ("POST", CHROMA + "/"),
        ("POST", CHROMA.replace("query", "get")),
        ("POST", CHROMA.replace("query", "search")),
        ("POST", CHROMA.replace("v2", "v1")),
        ("POST", "/x?u=" + CHROMA),
    ],
)
def test_nothing_else_is_claimed(method, target) -> None:
    assert not codec().claims(method, target)


def test_a_request_to_elsewhere_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        codec().decode_request(post("/elsewhere", b"{}"))


# --- requests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "searches"),
    [
        ({}, (Search(10),)),
        ({"n_results": None}, (Search(10),)),
        ({"n_results": 3}, (Search(3),)),
        ({"n_results": 0}, (Search(0, supported=False),)),
        ({"query_embeddings": [[1], [2]], "n_results": 2}, (Search(2), Search(2))),
    ],
)
def test_every_query_of_a_batch_is_a_search(members, searches) -> None:
    call = codec().decode_request(request(**members))

    assert pages_of(call) == searches
    assert call.collection == "6b2c"


def test_a_search_tells_where_it_looks() -> None:
    where = {"n": {"$gt": 3}}
    call = codec().decode_request(request(query_embeddings=[[0.5, 1], "junk"], where=where, ids=["a"]))

    assert [search.vector for search in call.searches] == [[0.5, 1], None]
    assert json.dumps(where).encode() in call.searches[0].filter
    assert call.searches[0].filter.endswith(b'["a"]')
    assert call.searches[0].filter == call.searches[1].filter
    assert call.database.endswith("/tenants/t/databases/d/collections")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"query_embeddings":[]}',
        b'{"query_embeddings":"abc"}',
        b'{"query_embeddings":[[1]],"n_results":-1}',
        b'{"query_embeddings":[[1]],"n_results":2.0}',
        b'{"query_embeddings":[[1]],"n_results":true}',
        b'{"query_embeddings":[[1]],"n_results":"2"}',
        b'{"query_embeddings":[[1]],"n_results":99999999999999999999}',
        b'{"query_embeddings":[[1]],"n_results":1,"n_results":2}',
        b'{"query_embeddings":[[1]],"include":"documents"}',
        b'{"query_embeddings":[[1]],"include":["documents",null]}',
    ],
)
def test_what_the_server_would_refuse_is_undecodable(body) -> None:
    with pytest.raises(Undecodable):
        codec().decode_request(post(CHROMA, body))


@pytest.mark.parametrize(
    ("paths", "include", "borrowed"),
    [
        ((), None, ""),
        ((), b"null", ""),
        ((), b"[]", '"documents"'),
        ((), b'["distances"]', '"documents"'),
        ((), b'["documents"]', ""),
        (("document",), b'["metadatas"]', '"documents"'),
        (("metadata.title",), b'["documents"]', '"metadatas"'),
        (("metadata.title", "document"), b"[]", '"documents","metadatas"'),
        (("metadata.title",), None, ""),
        (("elsewhere",), b"[]", ""),
    ],
)
def test_the_columns_of_the_text_are_borrowed(paths, include, borrowed) -> None:
    app = b'{"query_embeddings" : [[1e3, 1.10]] ,"n_results":2'
    app += b"}" if include is None else b', "include":' + include + b"}"
    widened = codec(*paths).decode_request(post(CHROMA, app)).encode_request([2]).body

    if not borrowed:
        assert app == widened
    else:
        asked = include.strip(b"[]").decode()
        assert app[: app.index(include)] == widened[: app.index(include)]
        assert widened.endswith(f"[{asked}{',' * bool(asked)}{borrowed}]}}".encode())


def test_the_widest_window_holds_for_the_whole_batch() -> None:
    app = b'{"query_embeddings":[[1],[2],[3]],"n_results":2}'
    call = codec().decode_request(post(CHROMA, app))

    assert app.replace(b":2}", b":9}") == call.encode_request([None, 9, 4]).body
    assert app == call.encode_request([2, None, 1]).body
    assert app is call.encode_request([None, None, None]).body


def test_an_absent_limit_is_put_in() -> None:
    app = b'{"query_embeddings":[[1]]}'

    assert codec().decode_request(post(CHROMA, app)).encode_request([30]).body == (
        b'{"n_results":30,"query_embeddings":[[1]]}'
    )


# --- answers ---------------------------------------------------------------------------------


def test_rows_move_in_every_column_and_keep_their_bytes() -> None:
    reply = codec().decode_request(request()).decode_response(ok(ANSWER))

    assert reply.candidates == (
        (Candidate("a", "one", 1000.0), Candidate("b", "two", 0.5), Candidate("c", None, -1e-7)),
    )
    assert reply.encode_response([Ranking((2, 0))]).body == (
        b'{"ids":[["c","a"]],"embeddings":null,"documents":[[null,"one"]],"uris":null,'
        b'"metadatas":[[{"k":1.10},{"k":123456789012345678901234}]],"distances":[[-1e-7,1e3]],'
        b'"include":["documents","metadatas","distances"]}'
    )


def test_borrowed_columns_are_null_again() -> None:
    call = codec("metadata.k", "document").decode_request(request(include=["distances"]))
    call.encode_request([10])
    answer = ANSWER.replace(
        b'["documents","metadatas","distances"]', b'["distances","documents","metadatas"]'
    )

    assert call.decode_response(ok(answer)).encode_response([Ranking((1,))]).body == (
        b'{"ids":[["b"]],"embeddings":null,"documents":null,"uris":null,'
        b'"metadatas":null,"distances":[[0.50]],"include":["distances"]}'
    )


def test_a_query_without_a_window_sees_its_own_page_of_a_widened_batch() -> None:
    call = codec().decode_request(request(query_embeddings=[[1], [2]], n_results=1))
    call.encode_request([None, 3])
    reply = call.decode_response(
        ok(b'{"ids":[["a","b","c"],["d","e","f"]],"documents":[[null,null,null],["x","y","z"]]}')
    )

    assert [[row.id for row in rows] for rows in reply.candidates] == [["a"], ["d", "e", "f"]]
    assert json.loads(reply.encode_response([Ranking((0,)), Ranking((2,))]).body) == {
        "ids": [["a"], ["f"]],
        "documents": [[None], ["z"]],
    }


def test_scores_become_distances() -> None:
    """A distance is lower for the better row."""
    reply = codec().decode_request(request()).decode_response(ok(ANSWER))
    encoded = json.loads(reply.encode_response([Ranking((1, 0, 2), (0.75, 0.0, -2.5))]).body)

    assert encoded["distances"] == [[-0.75, 0.0, 2.5]]
    assert b"-0.0" not in reply.encode_response([Ranking((0,), (0.0,))]).body


def test_scores_are_not_written_where_no_distances_were_asked_for() -> None:
    reply = codec().decode_request(request()).decode_response(ok(b'{"ids":[["a"]],"distances":null}'))

    assert reply.encode_response([Ranking((0,), (0.5,))]).body == b'{"ids":[["a"]],"distances":null}'


@pytest.mark.parametrize(
    ("paths", "document", "metadata", "text"),
    [
        ((), "doc", {"text": "meta"}, "doc"),
        ((), " \n", {"text": "meta"}, "meta"),
        ((), None, {"_node_content": '{"text": "node"}'}, "node"),
        ((), None, {"page": 3}, None),
        ((), None, None, None),
        (("document",), None, {"text": "meta"}, None),
        (("metadata.title", "document"), "doc", {"title": "head"}, "head\ndoc"),
        (("metadata.a.b",), "doc", {"a.b": "dotted"}, "dotted"),
        (("metadata.title",), "doc", None, None),
        (("title",), "doc", {"title": "head"}, None),
    ],
)
def test_where_the_text_is_read(paths, document, metadata, text) -> None:
    answer = {"ids": [["a"]], "documents": [[document]], "metadatas": [[metadata]]}
    reply = codec(*paths).decode_request(request()).decode_response(ok(json.dumps(answer).encode()))

    assert reply.candidates == ((Candidate("a", text),),)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"ids": None},
        {"ids": [["a"], ["b"]]},
        {"ids": ["a"]},
        {"ids": [[1]]},
        {"ids": [["a"]], "documents": [["x", "y"]]},
        {"ids": [["a"]], "documents": ["x"]},
        {"ids": [["a"]], "documents": [[1]]},
        {"ids": [["a"]], "documents": "x"},
        {"ids": [["a"]], "distances": [[False]]},
        {"ids": [["a"]], "metadatas": [[[]]]},
        {"ids": [["a"]], "ranks": [[1]]},
    ],
)
def test_an_answer_of_another_shape_is_undecodable(answer) -> None:
    """A column that is not known would be left in the old order, beside other rows."""
    with pytest.raises(Undecodable):
        codec().decode_request(request()).decode_response(ok(json.dumps(answer).encode()))


def test_an_unknown_column_of_null_stays() -> None:
    reply = codec().decode_request(request()).decode_response(ok(b'{"ids":[["a"]],"ranks":null}'))

    assert reply.encode_response([Ranking(())]).body == b'{"ids":[[]],"ranks":null}'


@pytest.mark.parametrize("include", [b"", b',"include":null', b',"include":"documents"'])
def test_a_widened_answer_says_what_it_includes(include) -> None:
    call = codec().decode_request(request(include=[]))
    call.encode_request([10])
    with pytest.raises(Undecodable):
        call.decode_response(ok(b'{"ids":[["a"]],"documents":[["x"]]' + include + b"}"))


def test_a_quota_is_read_out_of_its_refusal() -> None:
    message = (
        "Quota exceeded: 'Number of results' exceeded quota limit for action 'Query': "
        "current usage of 500 exceeds limit of 300"
    )
    call = codec().decode_request(request())

    assert call.row_limit(ok(json.dumps({"error": "ChromaError", "message": message}).encode())) == 300
    assert call.row_limit(ok(b'{"error":"ChromaError","message":"no"}')) is None
    assert call.row_limit(ok(b"<html>")) is None


# --- names -----------------------------------------------------------------------------------

COLLECTIONS = CHROMA.removesuffix("/6b2c/query")


@pytest.mark.parametrize(
    ("method", "target", "teaches"),
    [
        ("GET", COLLECTIONS, True),
        ("GET", COLLECTIONS + "?limit=10", True),
        ("GET", "/prefix" + COLLECTIONS + "/docs", True),
        ("POST", COLLECTIONS, True),
        ("DELETE", COLLECTIONS + "/docs", False),
        ("POST", CHROMA, False),
        ("GET", COLLECTIONS + "_count", False),
        ("GET", "/api/v2/version", False),
    ],
)
def test_names_are_learnt_where_clients_learn_them(method, target, teaches) -> None:
    assert ChromaNameBook().teaches(method, target) == teaches


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"id":"1","name":"docs","metadata":null}', {"1": "docs"}),
        (b'[{"id":"1","name":"docs"},{"id":"2","name":"more"}]', {"1": "docs", "2": "more"}),
        (b'[{"id":1,"name":"docs"},{"id":"2"},null,[]]', {}),
        (b"[]", {}),
        (b"3", {}),
        (b"nonsense", {}),
    ],
)
def test_names_are_read_out_of_one_collection_or_many(body, names) -> None:
    assert ChromaNameBook().decode_names(body) == names


def test_the_question_for_names_has_the_credentials_and_no_body() -> None:
    headers = CIMultiDictProxy(
        CIMultiDict({"Authorization": "Bearer x", "Content-Type": "application/json", "content-length": "2"})
    )
    question = ChromaNameBook().names_request(WireRequest("POST", "/p" + CHROMA + "?a=b", headers, b"{}"))

    assert (question.method, question.target, question.body) == ("GET", "/p" + COLLECTIONS, b"")
    assert dict(question.headers) == {"Authorization": "Bearer x"}
