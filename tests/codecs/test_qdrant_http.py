from __future__ import annotations

import json

import pytest

from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import AUTO_FIELDS, TextFields
from proxy.errors import Undecodable
from proxy.model import Candidate, Ranking, Search
from tests.codecs.searches import ok, pages_of, post

QUERY = "/collections/docs/points/query"
SEARCH = "/collections/docs/points/search"
BATCH = "/collections/docs/points/query/batch"
HITS = (
    b'[{"id":12345678901234567890,"version":1,"score":0.50,"payload":{"text":"one","n":123456789012345678901234}},'
    b'{"id":"5c56c793-69f3-4fbf-87e6-c4bf54c28c26","version":2,"score":1e-1,"payload":{"n":1.10}},'
    b'{"id":7,"version":3,"score":-0.0,"payload":{"text":"t\\u0068ree"},"vector":[1e3,2.0],"shard_key":"k"}]'
)
TAIL = b',"usage":{"hardware":{"cpu":1e0}},"status":"ok","time":1.7e-3}'
ANSWER = b'{"result":{"points":' + HITS + b"}" + TAIL


def codec(*paths: str, **options: bool) -> QdrantHttpCodec:
    return QdrantHttpCodec(lambda _: TextFields(paths or ("text",)), QdrantOptions(**options))


def call_of(request, target=QUERY, paths=(), **options):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return codec(*paths, **options).decode_request(post(target, body))


# --- what is claimed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [QUERY, QUERY + "/", QUERY + "?timeout=5", "/qdrant" + QUERY, SEARCH, SEARCH + "/?consistency=all"],
)
def test_searches_are_claimed(target) -> None:
    assert codec().claims("POST", target)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", QUERY),
        ("POST", QUERY + "/groups"),
        ("POST", SEARCH + "/batch"),
        ("POST", SEARCH + "/groups"),
        ("POST", SEARCH + "/matrix/pairs"),
        ("POST", "/collections/docs/points/recommend"),
        ("POST", "/collections/docs/points/discover"),
        ("POST", "/collections/docs/points/scroll"),
        ("POST", "/collections/docs/points/count"),
        ("POST", "/collections/docs/points"),
        ("POST", "/collections/docs/facet"),
        ("POST", "/collections//points/query"),
        ("PUT", "/collections/docs/points"),
    ],
)
def test_nothing_else_is_claimed(method, target) -> None:
    assert not codec(batch=True).claims(method, target)


@pytest.mark.parametrize(
    ("searches", "batch", "supported"), [(1, False, True), (2, False, False), (2, True, True)]
)
def test_batches_of_several_searches_are_supported_by_option(searches, batch, supported) -> None:
    """Some clients fuse the parts of a batch themselves, by score; a batch of one is a plain search."""
    call = call_of({"searches": [{"query": [1]}] * searches}, BATCH, batch=batch)

    assert {search.supported for search in call.searches} == {supported}


def test_a_request_to_elsewhere_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        call_of({}, "/elsewhere")


def test_the_collection_is_named_as_people_write_it() -> None:
    assert call_of({"query": [1]}, "/collections/a%2Fb%20%C3%A9/points/query").collection == "a/b \u00e9"


@pytest.mark.parametrize(
    ("query_string", "timeout"),
    [
        ("", None),
        ("?consistency=all", None),
        ("?timeout=7&consistency=majority", 7.0),
        ("?consistency=1&%74imeout=%37", 7.0),
        ("?timeout=9&timeout=3", 3.0),
        *((f"?timeout={junk}", None) for junk in ("", "-1", "1.5", "7s", "nan", "\u0667", "9" * 400)),
    ],
)
def test_the_seconds_that_the_store_is_given_are_read(query_string, timeout) -> None:
    assert call_of({"query": [1]}, QUERY + query_string).timeout == timeout


# --- which searches are reranked -------------------------------------------------------------

DENSE = {"query": [0.1], "limit": 5}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (7, None),
        ("5c56c793-69f3-4fbf-87e6-c4bf54c28c26", None),
        ([0.1, 0.2], None),
        ([[0.1], [0.2]], None),
        ({"indices": [1], "values": [0.5]}, None),
        ({"text": "what?", "model": "qdrant/bm25"}, "what?"),
        ({"text": "what?", "model": "m", "options": {}}, "what?"),
        ({"text": " ", "model": "m"}, None),
        ({"nearest": [0.1]}, None),
        ({"nearest": 7}, None),
        ({"nearest": {"text": "what?", "model": "m"}}, "what?"),
        ({"nearest": [0.1], "mmr": None}, None),
        ({"text": "what?"}, "what?"),
        ({"text": {"query": "what?", "scoring": {"bm25": {}}}}, "what?"),
    ],
)
def test_nearness_is_reranked(query, text) -> None:
    assert pages_of(call_of({"query": query})) == (Search(10, query=text),)


@pytest.mark.parametrize(
    "query",
    [
        None,
        True,
        1.5,
        {"image": "http://x", "model": "m"},
        {"object": {}, "model": "m"},
        {"text": 3, "model": "m"},
        {"text": "what?", "model": "m", "surprise": 1},
        {"text": 3},
        {"text": {"query": 3}},
        {"text": "what?", "surprise": 1},
        {"nearest": [0.1], "mmr": {"diversity": 0.5}},
        {"nearest": [0.1], "surprise": 1},
        {"nearest": {"nearest": [0.1]}},
        {"nearest": True},
        {"recommend": {"positive": [1]}},
        {"discover": {"target": 1, "context": []}},
        {"context": []},
        {"order_by": "year"},
        {"sample": "random"},
        {"formula": {"sum": []}, "defaults": {}},
        {"relevance_feedback": {}},
        {"fusion": "rrf"},
        {"rrf": {"k": 2}},
        {"surprise": 1},
        {},
    ],
)
def test_an_order_that_is_the_point_of_the_search_is_not(query) -> None:
    call = call_of({"query": query})

    assert not call.searches[0].supported
    assert call.encode_request([50]).body == json.dumps({"query": query}).encode()


def test_a_listing_without_a_query_is_not() -> None:
    assert not call_of({"limit": 3}).searches[0].supported


def test_nothing_of_nothing_is_not() -> None:
    assert pages_of(call_of({"query": [1], "limit": 0})) == (Search(0, supported=False),)


@pytest.mark.parametrize("fusion", [{"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": 2}}])
def test_fusion_is_reranked_and_its_text_found_in_the_prefetches(fusion) -> None:
    inner = {"query": {"fusion": "rrf"}, "prefetch": [DENSE, {"query": {"text": "deep", "model": "m"}}]}
    later = {"query": {"text": "later", "model": "m"}}

    assert pages_of(call_of({"query": fusion, "prefetch": [DENSE, inner, later]})) == (
        Search(10, query="deep"),
    )
    assert pages_of(call_of({"query": fusion, "prefetch": DENSE})) == (Search(10),)


@pytest.mark.parametrize(
    "request_",
    [
        {"query": {"fusion": "rrf"}, "prefetch": None},
        {"query": {"fusion": "rrf"}, "prefetch": []},
        {"query": {"fusion": "weird"}, "prefetch": [DENSE]},
        {"query": {"rrf": 3}, "prefetch": [DENSE]},
        {"query": {"fusion": "rrf"}, "prefetch": [DENSE, {"query": {"sample": "random"}}]},
        {"query": {"fusion": "rrf"}, "prefetch": [{"limit": 3}]},
        {
            "query": {"fusion": "rrf"},
            "prefetch": [{"query": {"fusion": "rrf"}, "prefetch": [{"query": None}]}],
        },
    ],
)
def test_fusion_of_something_else_is_not(request_) -> None:
    assert not call_of(request_).searches[0].supported


def test_rescored_prefetches_are_reranked_by_option() -> None:
    rescored = {"query": {"text": "what?", "model": "colbert"}, "prefetch": [DENSE]}

    assert not call_of(rescored).searches[0].supported
    assert pages_of(call_of(rescored, rescored_prefetch=True)) == (Search(10, query="what?"),)


@pytest.mark.parametrize(
    ("target", "request_", "vector", "space"),
    [
        (QUERY, {"query": [0.5, 1], "using": "text"}, [0.5, 1], "text"),
        (QUERY, {"query": {"nearest": [0.5]}}, [0.5], ""),
        (QUERY, {"query": [[0.5], [1]]}, None, ""),
        (QUERY, {"query": 7}, None, ""),
        (QUERY, {"query": {"indices": [1], "values": [0.5]}}, None, ""),
        (
            QUERY,
            {
                "query": {"fusion": "rrf"},
                "prefetch": [
                    {"query": {"indices": [1], "values": [0.5]}, "using": "sparse"},
                    {"query": [0.5], "using": "dense"},
                ],
            },
            [0.5],
            "dense",
        ),
        (SEARCH, {"vector": [0.5], "limit": 3}, [0.5], ""),
        (SEARCH, {"vector": {"name": "v", "vector": [0.5]}, "limit": 3}, [0.5], "v"),
    ],
)
def test_a_search_tells_which_numbers_it_is_near(target, request_, vector, space) -> None:
    (search,) = call_of(request_, target).searches

    assert (search.vector, search.space) == (vector, space)


def test_the_filters_of_prefetches_restrict_a_search_too() -> None:
    inner = {"must": [{"key": "a", "match": {"value": 1}}]}
    searches = [
        call_of({"query": {"fusion": "rrf"}, "prefetch": [{**DENSE, **extra}]}).searches[0]
        for extra in ({}, {"filter": inner}, {"filter": {"must": []}})
    ]

    assert len({search.filter for search in searches}) == 3
    assert searches[0].filter == b""


@pytest.mark.parametrize(
    ("request_", "search"),
    [
        ({"vector": [1], "limit": 3}, Search(3)),
        ({"vector": [1], "top": 3, "offset": 2}, Search(3, 2)),
        ({"vector": {"name": "v", "vector": [1]}, "limit": 3}, Search(3)),
        ({"vector": {"name": "v"}, "limit": 3}, Search(3, supported=False)),
        ({"vector": [1], "limit": 0}, Search(0, supported=False)),
    ],
)
def test_the_older_search_is_reranked(request_, search) -> None:
    assert pages_of(call_of(request_, SEARCH)) == (search,)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (QUERY, b"[]"),
        (QUERY, b'{"query":[1],"limit":-1}'),
        (QUERY, b'{"query":[1],"limit":1.0}'),
        (QUERY, b'{"query":[1],"limit":true}'),
        (QUERY, b'{"query":[1],"limit":1,"limit":2}'),
        (QUERY, b'{"query":[1],"offset":"1"}'),
        (QUERY, b'{"query":[1],"prefetch":3}'),
        (QUERY, b'{"query":[1],"prefetch":[3]}'),
        (QUERY, b'{"query":[1],"prefetch":[{"limit":1,"limit":2}]}'),
        (QUERY, b'{"query":[1],"prefetch":{"limit":"x"}}'),
        (QUERY, b'{"query":[1],"with_payload":3}'),
        (QUERY, b'{"query":[1],"with_payload":[3]}'),
        (QUERY, b'{"query":[1],"with_payload":["a..b"]}'),
        (QUERY, b'{"query":[1],"with_payload":["[]"]}'),
        (QUERY, b'{"query":[1],"with_payload":["a' + b"[]" * 1000 + b'"]}'),
        (QUERY, b'{"query":[1],"with_payload":{"include":"a"}}'),
        (QUERY, b'{"query":[1],"with_payload":{"include":["a"],"exclude":["b"]}}'),
        (QUERY, b'{"query":[1],"with_payload":{}}'),
        (SEARCH, b"[]"),
        (SEARCH, b'{"vector":[1]}'),
        (SEARCH, b'{"vector":[1],"limit":1,"top":2}'),
        (SEARCH, b'{"vector":[1],"limit":null}'),
        (BATCH, b"[]"),
        (BATCH, b'{"searches":[]}'),
        (BATCH, b'{"searches":{}}'),
        (BATCH, b'{"searches":[3]}'),
    ],
)
def test_what_the_server_would_refuse_is_undecodable(target, body) -> None:
    with pytest.raises(Undecodable):
        call_of(body, target, batch=True)


# --- what is sent ----------------------------------------------------------------------------


def test_only_the_bytes_of_changed_fields_change() -> None:
    app = (
        b'{ "query" : [1e3, 1.10], "limit":3 , "offset": 2,"with_payload":true,'
        b'"filter":{"must":[{"key":"n","match":{"value":123456789012345678901234}}]}}'
    )
    call = call_of(app)

    assert pages_of(call) == (Search(3, 2),)
    assert app.replace(b'"limit":3', b'"limit":50').replace(b'"offset": 2', b'"offset": 0') == (
        call.encode_request([50]).body
    )
    # A window that ends within the page still fetches all of the page, from the first row on.
    assert b'"limit":5 , "offset": 0' in call.encode_request([1]).body


def test_absent_fields_are_put_in_front() -> None:
    assert call_of(b'{"query":[1]}').encode_request([50]).body == (
        b'{"limit":50,"with_payload":["text"],"query":[1]}'
    )


def test_the_older_limit_keeps_its_name() -> None:
    assert call_of(b'{"vector":[1],"top":3,"with_payload":true}', SEARCH).encode_request([50]).body == (
        b'{"vector":[1],"top":50,"with_payload":true}'
    )


HYBRID = b"""{"query": {"fusion": "rrf"}, "limit": %d, "with_payload": true, "prefetch": [
  {"query": [1], "limit": %d},
  {"query": [2], "limit": 100},
  {"limit": %d, "query": {"fusion": "rrf"}, "prefetch": {"query": [3], "limit": %d}}
]}"""


def test_prefetches_are_raised_to_the_window_and_never_lowered() -> None:
    """One that hands on fewer rows would bound the window; one with more is the app's own oversampling."""
    app = HYBRID % (5, 5, 8, 3)

    raising = {"prefetch_overfetch": True}

    assert call_of(app, **raising).encode_request([20]).body == HYBRID % (20, 20, 20, 20)
    assert call_of(app, **raising).encode_request([5]).body == app
    assert call_of(app).encode_request([20]).body == HYBRID % (20, 5, 8, 3)


def test_a_prefetch_without_a_limit_gets_one() -> None:
    """Without one it hands on ten rows."""
    app = b'{"query":{"fusion":"rrf"},"limit":5,"with_payload":true,"prefetch":[{"query":[1]}]}'
    raised = app.replace(b'"limit":5', b'"limit":20').replace(b'{"query":[1]}', b'{"limit":20,"query":[1]}')

    assert call_of(app, prefetch_overfetch=True).encode_request([20]).body == raised
    assert call_of(app).encode_request([9]).body == app.replace(b'"limit":5', b'"limit":9')


def test_a_batch_changes_where_it_has_a_window() -> None:
    app = b'{"searches": [{"query":{"sample":"random"}}, {"query":[1],"limit":2} ,{"query":[2],"limit":3}]}'
    call = call_of(app, BATCH, batch=True)

    assert pages_of(call) == (Search(10, supported=False), Search(2), Search(3))
    assert app.replace(b'{"query":[2],"limit":3}', b'{"with_payload":["text"],"query":[2],"limit":9}') == (
        call.encode_request([None, None, 9]).body
    )


# --- answers ---------------------------------------------------------------------------------

CANDIDATES = (
    Candidate("12345678901234567890", "one", 0.5),
    Candidate("5c56c793-69f3-4fbf-87e6-c4bf54c28c26", None, 0.1),
    Candidate("7", "three", -0.0),
)


def split(hits: bytes) -> list[bytes]:
    one, two, three = hits[1:-1].split(b',{"id"')
    return [one, b'{"id"' + two, b'{"id"' + three]


@pytest.mark.parametrize(
    ("target", "head", "tail"),
    [
        (QUERY, b'{"result":{"points":', b"}" + TAIL),
        (SEARCH, b'{"result":', TAIL),
        (BATCH, b'{"result":[{"points":', b"}]" + TAIL),
    ],
)
def test_hits_move_and_keep_their_bytes(target, head, tail) -> None:
    one = {"query": [1], "vector": [1], "limit": 3, "with_payload": True}
    call = call_of({"searches": [one]} if target is BATCH else one, target, batch=True)
    call.encode_request([3])
    reply = call.decode_response(ok(head + HITS + tail))
    first, _, third = split(HITS)

    assert reply.candidates == (CANDIDATES,)
    assert reply.encode_response([Ranking((2, 0))]).body == head + b"[" + third + b"," + first + b"]" + tail
    assert reply.encode_response([Ranking(())]).body == head + b"[]" + tail


def test_scores_are_replaced_in_place() -> None:
    reply = call_of({"query": [1], "with_payload": True}).decode_response(ok(ANSWER))
    first, _, third = split(HITS)

    assert reply.encode_response([Ranking((2, 0), (0.75, -1.5))]).body == (
        b'{"result":{"points":['
        + third.replace(b'"score":-0.0', b'"score":0.75')
        + b","
        + first.replace(b'"score":0.50', b'"score":-1.5')
        + b"]}"
        + TAIL
    )


@pytest.mark.parametrize("selector", [b"", b',"with_payload":false', b',"with_payload":null'])
def test_a_borrowed_payload_is_removed_from_each_hit(selector) -> None:
    call = call_of(b'{"query":[1]' + selector + b"}")
    assert json.loads(call.encode_request([10]).body)["with_payload"] == ["text"]
    reply = call.decode_response(ok(ANSWER))

    assert reply.encode_response([Ranking((2, 0))]).body == (
        b'{"result":{"points":[{"id":7,"version":3,"score":-0.0,"vector":[1e3,2.0],"shard_key":"k"},'
        b'{"id":12345678901234567890,"version":1,"score":0.50}]}' + TAIL
    )
    assert b'{"id":7,"version":3,"score":2.0,"vector"' in reply.encode_response([Ranking((2,), (2.0,))]).body


def test_a_search_left_alone_keeps_its_rows_and_its_payloads() -> None:
    call = call_of({"query": [1], "offset": 5})
    call.encode_request([None])

    assert call.decode_response(ok(ANSWER)).encode_response([Ranking((0, 1, 2))]).body == ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"result": None},
        {"result": {}},
        {"result": {"points": {}}},
        {"result": {"points": [3]}},
        {"result": {"points": [{"id": True, "score": 1}]}},
        {"result": {"points": [{"id": 1}]}},
        {"result": {"points": [{"id": 1, "score": "1"}]}},
        {"result": {"points": [{"id": 1, "score": 1, "payload": []}]}},
    ],
)
def test_an_answer_of_another_shape_is_undecodable(answer) -> None:
    with pytest.raises(Undecodable):
        call_of({"query": [1]}).decode_response(ok(json.dumps(answer).encode()))


@pytest.mark.parametrize("result", [{"points": []}, [], [{"points": []}] * 2, [[]]])
def test_an_answer_to_another_batch_is_undecodable(result) -> None:
    call = call_of({"searches": [{"query": [1]}]}, BATCH, batch=True)
    with pytest.raises(Undecodable):
        call.decode_response(ok(json.dumps({"result": result}).encode()))


def test_no_payload_is_no_text() -> None:
    answer = b'{"result":{"points":[{"id":1,"score":1},{"id":2,"score":1,"payload":null}]}}'

    assert [row.text for row in call_of({"query": [1]}).decode_response(ok(answer)).candidates[0]] == [
        None,
        None,
    ]


def test_the_strict_mode_limit_is_read_out_of_its_refusal() -> None:
    call = call_of({"query": [1]})
    error = 'Limit exceeded 500 > 100 for "limit". Help: Reduce the "limit" parameter to or below 100.'

    assert call.row_limit(ok(json.dumps({"status": {"error": error}, "time": 0.0}).encode())) == 100
    assert call.row_limit(ok(b'{"status":{"error":"Wrong input"},"time":0.0}')) is None
    assert call.row_limit(ok(b'{"status":"ok"}')) is None
    assert call.row_limit(ok(b"<html>")) is None


# --- payload selectors -----------------------------------------------------------------------

FULL = {
    "text": "T",
    "title": "t",
    "meta": {"text": "M", "page": 1, "deep": {"x": 1, "y": [2]}},
    "list": [{"text": "L", "n": 1}, "s"],
    "odd key": {"a.b": 1},
}


@pytest.mark.parametrize(
    ("paths", "selector", "sent", "widened", "restored"),
    [
        (["text"], True, None, FULL, FULL),
        (["text"], ["title"], ["title", "text"], {"text": "T", "title": "t"}, {"title": "t"}),
        (["text"], [], ["text"], {"text": "T"}, {}),
        (["text"], ["text", "title"], None, {"text": "T"}, {"text": "T"}),
        (["text"], ['"text"'], None, {"text": "T"}, {"text": "T"}),
        (["meta.text"], ["meta"], None, FULL, FULL),
        (
            ["meta.text"],
            {"include": ["title"]},
            {"include": ["title", "meta.text"]},
            {"title": "t", "meta": {"text": "M"}},
            {"title": "t"},
        ),
        (
            ["meta.text"],
            ["meta.page", "meta.deep.y"],
            ["meta.page", "meta.deep.y", "meta.text"],
            {"meta": {"text": "M", "page": 1, "deep": {"y": [2]}}},
            {"meta": {"page": 1, "deep": {"y": [2]}}},
        ),
        # The text's field turns out to hold more than text, of which the app asked for a part.
        (["meta"], ["meta.page"], ["meta.page", "meta"], {"meta": FULL["meta"]}, {"meta": {"page": 1}}),
        (
            ["list"],
            ["list[].n"],
            ["list[].n", "list"],
            {"list": FULL["list"]},
            {"list": [{"n": 1}, "s"]},
        ),
        (["list"], ["list[0].n"], ["list[0].n", "list"], {"list": FULL["list"]}, {"list": []}),
        (["list"], ["list[]"], ["list[]", "list"], {"list": FULL["list"]}, {"list": FULL["list"]}),
        (["odd key.a"], ["title"], ["title", '"odd key".a'], {"title": "t", "odd key": {}}, {"title": "t"}),
        (["text"], {"exclude": ["title"]}, None, {"text": "T"}, {"text": "T"}),
        (["text"], {"exclude": ["text"]}, True, {"text": "T", "title": "t"}, {"title": "t"}),
        (
            ["text"],
            {"exclude": ["text", "meta"]},
            {"exclude": ["meta"]},
            {"text": "T", "title": "t"},
            {"title": "t"},
        ),
        (["meta.text"], {"exclude": ["meta"]}, True, FULL, {k: v for k, v in FULL.items() if k != "meta"}),
        (["meta.text"], {"exclude": ["meta.text"]}, True, {"meta": {"text": "M"}}, {"meta": {}}),
        (["meta.text"], {"exclude": ["meta.text.x"]}, None, FULL, FULL),
        (["text"], {"exclude": []}, None, FULL, FULL),
    ],
)
def test_a_selector_is_widened_and_its_payload_restored(paths, selector, sent, widened, restored) -> None:
    call = call_of({"query": [1], "with_payload": selector}, paths=paths)

    assert json.loads(call.encode_request([10]).body)["with_payload"] == (selector if sent is None else sent)
    hit = {"id": 1, "score": 0.5, "payload": widened}
    answer = json.dumps({"result": {"points": [hit]}}, separators=(",", ":")).encode()
    (shown,) = json.loads(call.decode_response(ok(answer)).encode_response([Ranking((0,))]).body)["result"][
        "points"
    ]
    assert shown == {**hit, "payload": restored}


def test_a_payload_keeps_the_bytes_of_what_is_left() -> None:
    call = call_of({"query": [1], "with_payload": {"exclude": ["text", "meta.x"]}}, paths=["text", "meta.x"])
    call.encode_request([10])
    payload = (
        b'{"n": 123456789012345678901 ,"t\\u0065xt":"gone","meta":{"y" : [1e3, 1.10],"x":{}}, "z":"\\u00e9"}'
    )
    answer = b'{"result":{"points":[{"id":1,"score":0.5,"payload":' + payload + b"}]}}"

    assert call.decode_response(ok(answer)).encode_response([Ranking((0,))]).body == answer.replace(
        b',"t\\u0065xt":"gone"', b""
    ).replace(b',"x":{}', b"")


def test_where_no_field_is_configured_all_that_may_hold_text_is_borrowed() -> None:
    auto = QdrantHttpCodec(lambda _: TextFields(), QdrantOptions())
    call = auto.decode_request(post(QUERY, b'{"query":[1],"with_payload":["content"]}'))
    asked = json.loads(call.encode_request([10]).body)["with_payload"]

    assert asked == ["content", *(field for field in AUTO_FIELDS if field != "content")]
