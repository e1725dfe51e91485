"""Texts read out of writes: just those that a search of the same collection finds in its answer."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs._json_reader import JsonReader
from proxy.codecs.chroma import ChromaCodec
from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import TextFields
from proxy.errors import Undecodable
from proxy.model import WireRequest
from tests.codecs.searches import NO_HEADERS, chroma_exchanges, qdrant_exchanges
from tests.codecs.test_laws import broken_bytes, damaged
from tests.fakes.json_text import Style, read, write

if TYPE_CHECKING:
    from proxy.codecs.base import Codec
    from tests.codecs.searches import Exchange

CHROMA = "/api/v2/tenants/t/databases/d/collections/6b2c"
QDRANT = "/collections/docs/points"


def texts_in(codec: Codec, request: WireRequest) -> list[str]:
    return [text for text in codec.decode_write(request) if text is not None]


def chroma(body: Any, *paths: str, to: str = f"{CHROMA}/add") -> list[str]:
    codec = ChromaCodec(lambda _: TextFields(paths))
    return texts_in(codec, WireRequest("POST", to, NO_HEADERS, json.dumps(body).encode()))


def qdrant(body: Any, *paths: str, to: tuple[str, str] = ("PUT", QDRANT)) -> list[str]:
    codec = QdrantHttpCodec(lambda _: TextFields(paths), QdrantOptions())
    return texts_in(codec, WireRequest(*to, NO_HEADERS, json.dumps(body).encode()))


# --- which requests are writes ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "collection"),
    [
        ("POST", f"{CHROMA}/add", "6b2c"),
        ("POST", f"/prefix{CHROMA}/upsert?x=1", "6b2c"),
        ("POST", f"{CHROMA}/update", "6b2c"),
        ("POST", f"{CHROMA}/query", None),
        ("POST", f"{CHROMA}/delete", None),
        ("GET", f"{CHROMA}/add", None),
        ("POST", CHROMA, None),
    ],
)
def test_chroma_writes_are_known_by_their_path(method, target, collection):
    assert ChromaCodec(lambda _: TextFields()).writes(method, target) == collection


@pytest.mark.parametrize(
    ("method", "target", "collection"),
    [
        ("PUT", QDRANT, "docs"),
        ("PUT", f"{QDRANT}?wait=true", "docs"),
        ("PUT", "/prefix/collections/a%2Fb%20c/points/", "a/b c"),
        ("POST", f"{QDRANT}/batch?wait=true", "docs"),
        ("POST", QDRANT, None),
        ("PUT", f"{QDRANT}/batch", None),
        ("PUT", f"{QDRANT}/payload", None),
        ("POST", f"{QDRANT}/query", None),
        ("PUT", "/collections/docs", None),
    ],
)
def test_qdrant_writes_are_known_by_method_and_path(method, target, collection):
    assert QdrantHttpCodec(lambda _: TextFields(), QdrantOptions()).writes(method, target) == collection


# --- what is read ----------------------------------------------------------------------------


def test_chroma_records_are_read_as_in_an_answer():
    records = {
        "ids": ["1", "2", "3", "4"],
        "embeddings": [[0.5, 1e-3], [1, 2], [3, 4], [5, 6]],
        "documents": ["one", None, " ", ""],
        "metadatas": [{"title": "first"}, {"page_content": "two"}, None, {"text": "four"}],
        "uris": None,
    }
    assert chroma(records) == ["one", "two", "four"]
    assert chroma(records, "metadata.title", "document") == ["first\none"]
    assert chroma(records, "document", to=f"{CHROMA}/upsert") == ["one"]


@pytest.mark.parametrize("column", ["documents", "metadatas"])
def test_chroma_columns_may_be_missing(column):
    records = {"ids": ["1"], "documents": ["a"], "metadatas": [{"text": "b"}]}
    for empty in ({**records, column: None}, {key: records[key] for key in records if key != column}):
        assert chroma(empty) == (["b"] if column == "documents" else ["a"])
    assert chroma({"ids": ["1"], "embeddings": ["AACAPw=="]}) == []


def test_qdrant_points_are_read_one_by_one():
    points = [
        {"id": 1, "vector": [0.1, [2, 3]], "payload": {"page_content": "one", "n": 1}},
        {"id": 2, "vector": {"dense": [1.0], "sparse": {"indices": [1], "values": [2]}}},
        {"payload": {"text": "three"}, "id": 3, "vector": {"text": "a ] b", "model": "m"}},
        {"id": 4, "vector": [], "payload": None},
    ]
    assert qdrant({"points": points, "shard_key": "a"}) == ["one", "three"]
    assert qdrant({"points": points}, "n", "page_content") == ["one"]


def test_qdrant_columns_are_read_too():
    columns = {"ids": [1, 2], "vectors": {"a": [[1, 2], [3, 4]]}, "payloads": [{"text": "one"}, None]}
    assert qdrant({"batch": columns}) == ["one"]
    assert qdrant({"batch": {"ids": [1], "vectors": [[1]]}}) == []


def test_upserts_among_other_operations_are_read():
    operations = [
        {"upsert": {"points": [{"id": 1, "vector": [1], "payload": {"text": "one"}}]}},
        {"delete": {"points": [1, 2]}},
        {"set_payload": {"payload": {"text": "not this"}, "points": [1]}},
        {"upsert": {"batch": {"ids": [2], "vectors": [[1]], "payloads": [{"text": "two"}]}}},
    ]
    assert qdrant({"operations": operations}, to=("POST", f"{QDRANT}/batch")) == ["one", "two"]


# --- small steps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"documents": [""] * 1000},
        {"documents": [None] * 1000},
        {"metadatas": [{}] * 1000},
        {"metadatas": [{"a": 1, "b": "x"}] * 1000},
        {"ids": ["a"] * 100_000},
        {"embeddings": [[0.5] * 100] * 1000},
        {str(number): 1 for number in range(1000)},
    ],
    ids=lambda body: next(iter(body)),
)
def test_a_chroma_write_without_texts_is_read_in_many_steps(body):
    request = written("POST", f"{CHROMA}/add", json.dumps(body).encode())
    steps = [*ChromaCodec(lambda _: TextFields()).decode_write(request)]
    assert len(steps) >= 1000
    assert not any(steps)


POINT = {"id": 1, "vector": [0.1], "payload": {"a": 1}}


@pytest.mark.parametrize(
    ("body", "batch"),
    [
        ({"points": [POINT] * 1000}, ""),
        ({"points": [{}] * 1000}, ""),
        ({"points": [{"vector": [[0.5] * 100] * 1000}]}, ""),
        ({"points": [{str(number): 1 for number in range(1000)}]}, ""),
        ({"batch": {"ids": [1] * 100_000}}, ""),
        ({"batch": {"payloads": [{}] * 1000}}, ""),
        ({"operations": [{}] * 1000}, "/batch"),
        ({"operations": [{"delete": {"points": list(range(100_000))}}]}, "/batch"),
        ({str(number): 1 for number in range(1000)}, ""),
    ],
)
def test_a_qdrant_write_without_texts_is_read_in_many_steps(body, batch):
    request = written("POST" if batch else "PUT", QDRANT + batch, json.dumps(body).encode())
    steps = [*QdrantHttpCodec(lambda _: TextFields(), QdrantOptions()).decode_write(request)]
    assert len(steps) >= 1000
    assert not any(steps)


def test_a_vector_of_any_usual_length_is_one_step():
    body = json.dumps([0.12345678901234567] * 4096).encode()
    assert [*JsonReader(body).passed()] == [None]


@pytest.mark.parametrize("value", ['"' + "x" * 300_000 + '"', json.dumps({"a": ["x"] * 40_000})])
def test_what_is_too_large_for_one_step_is_undecodable(value):
    with pytest.raises(Undecodable):
        qdrant({"points": [{"payload": {"text": json.loads(value)}}]})


# --- laws ------------------------------------------------------------------------------------


@given(data=st.data())
def test_a_chroma_write_has_the_texts_that_a_search_finds(data):
    exchange: Exchange = data.draw(chroma_exchanges())
    call = exchange.codec.decode_request(chroma_query(exchange))
    found = call.decode_response(exchange.store.answer(chroma_query(exchange))).candidates[0]
    rows = exchange.store.rows
    records = {key: [row[key] for row in rows] for key in ("embeddings", "documents", "metadatas")}
    request = written("POST", f"{CHROMA}/add", write({"ids": [row["id"] for row in rows], **records}))
    assert sorted(texts_in(exchange.codec, request)) == sorted(one.text for one in found if one.text)


def chroma_query(exchange: Exchange) -> WireRequest:
    body = write({"query_embeddings": [[1]], "n_results": 100, "include": ["documents", "metadatas"]})
    return exchange.request._replace(body=body)


@given(data=st.data(), columns=st.booleans(), spaced=st.booleans())
def test_a_qdrant_write_has_the_texts_that_a_search_finds(data, columns, spaced):
    exchange: Exchange = data.draw(qdrant_exchanges())
    query = exchange.request._replace(
        target="/collections/c/points/query",
        body=write({"query": [1], "limit": 100, "with_payload": True}),
    )
    call = exchange.codec.decode_request(query)
    found = call.decode_response(exchange.store.answer(query)).candidates[0]
    points = [{key: point[key] for key in ("id", "vector", "payload")} for point in exchange.store.points]
    body = {"batch": {f"{key}s": [point[key] for point in points] for key in ("vector", "payload")}}
    request = written(
        "PUT", "/collections/c/points", write(body if columns else {"points": points}, Style(spaced, True))
    )
    assert sorted(texts_in(exchange.codec, request)) == sorted(one.text for one in found if one.text)


WRITES = [
    (
        ChromaCodec(lambda _: TextFields()),
        "POST",
        f"{CHROMA}/add",
        {"ids": ["1"], "embeddings": [[1, 2]], "documents": ["a"], "metadatas": [{"b": 'c"]'}]},
    ),
    (
        QdrantHttpCodec(lambda _: TextFields(), QdrantOptions()),
        "PUT",
        QDRANT,
        {
            "points": [{"id": 1, "vector": {"a": [1, 2]}, "payload": {"text": 'b"]'}}],
            "batch": {"ids": [1], "vectors": [[1]], "payloads": [{"text": "c"}]},
            "operations": [{"upsert": {"points": []}}],
        },
    ),
]
every_write = pytest.mark.parametrize(("codec", "method", "target", "tree"), WRITES, ids=["chroma", "qdrant"])


@every_write
@given(data=st.data())
def test_a_damaged_write_is_undecodable_or_still_has_texts(codec, method, target, tree, data):
    body = write(data.draw(damaged(read(orjson.dumps(tree)))))
    with suppress(Undecodable):
        assert all(isinstance(text, str) for text in texts_in(codec, written(method, target, body)))


@every_write
@given(data=st.data())
def test_any_bytes_are_undecodable_or_have_texts(codec, method, target, tree, data):
    body = data.draw(broken_bytes(orjson.dumps(tree)) | st.binary(max_size=40))
    with suppress(Undecodable):
        assert all(isinstance(text, str) for text in texts_in(codec, written(method, target, body)))


@every_write
def test_other_requests_are_undecodable(codec, method, target, tree):
    with pytest.raises(Undecodable):
        [*codec.decode_write(written("DELETE", target, orjson.dumps(tree)))]


def written(method: str, target: str, body: bytes) -> WireRequest:
    return WireRequest(method, target, NO_HEADERS, body)


# --- the reader ------------------------------------------------------------------------------


def test_a_reader_gives_what_is_asked_for_and_passes_over_the_rest():
    reader = JsonReader(b' { "a" : [1, [2]], "b":{"c":"]}"} , "d":[ 1 ,{"e":2}, 3 ]}')
    found: list[Any] = []
    for key in reader.members():
        found.append(key)
        if key == b"d":
            found += (reader.value() for _ in reader.elements())
    assert found == [b"a", b"b", b"d", 1, {"e": 2}, 3]


def test_a_value_larger_than_a_step_is_passed_over_in_several():
    large = [[str(number), {"a": [number]}] for number in range(10_000)]
    reader = JsonReader(json.dumps([{"large": large}, 7]).encode())
    elements = reader.elements()
    next(elements)
    assert len([*reader.passed()]) > 10_000
    next(elements)
    assert reader.value() == 7


@pytest.mark.parametrize("body", [b"[" * 300_000, b'{"a":' * 100_000, b'["a' * 100_000])
def test_what_is_too_deep_to_be_passed_over_is_undecodable(body):
    with pytest.raises(Undecodable):
        [*JsonReader(body).passed()]


@pytest.mark.parametrize("body", [b"", b"[", b"[1", b"[1,[2]", b'["a]', b"{}", b'[{"a":1]', b"[1}", b"[[[["])
def test_an_array_that_does_not_end_is_undecodable(body):
    with pytest.raises(Undecodable):
        [*JsonReader(body).elements()]


@pytest.mark.parametrize(
    "body", [b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":[1}', b"{1:2}", b"[]", b'{"a":}']
)
def test_an_object_that_does_not_end_is_undecodable(body):
    with pytest.raises(Undecodable):
        [*JsonReader(body).members()]
