"""Requests that are wrong: the caller gets the store's own answer, status and body, or a clear error.

Behind the `unmoved` door everything is decoded, widened, ranked and encoded, while the store's order stands.
So any answer that differs from the direct one is midrank's mistake, whether the request is wrong or just odd.
"""

from __future__ import annotations

import json
import socket

import httpx
import orjson
import pytest

from tests.clients.doors import single_door
from tests.fakes.corpus import SIZE, embed
from tests.fakes.odd_scorers import Reversing
from tests.fakes.running import running
from tests.fakes.servers import Address, nobody_listening

pytestmark = pytest.mark.store

HEADERS = {"content-type": "application/json", "x-midrank-query": "onion%20butter", "accept-encoding": "gzip"}
MIB = 2**20

# One of every JSON kind, the edges of integers, and right things in the wrong place.
JUNK = (
    *(None, True, False, 0, 1, -1, 3, 1.5, 2**31, 2**32, 2**63, 2**64, 1e300, "", "3", "ids", "é"),
    *([], [None], [[]], [[], []], [True], ["documents"], ["documents", "documents"], ["id"], [[0.5]]),
    *([[None]], [["x"]], [[1e300]], [embed("onion")], embed("onion"), {}, {"a": 1}, {"a": {"b": [None]}}),
)

CHROMA_FIELDS = {
    "query_embeddings": [embed("onion")],
    "n_results": 3,
    "include": ["metadatas", "distances"],
    "where": {"even": True},
    "where_document": {"$contains": "e"},
    "ids": [f"passage-{number}" for number in range(50)],
    "unknown": 1,
}

QDRANT_FIELDS = {
    "query": embed("onion"),
    "limit": 3,
    "offset": 1,
    "with_payload": ["topic"],
    "with_vector": True,
    "score_threshold": 0.1,
    "filter": {"must": [{"key": "even", "match": {"value": True}}]},
    "params": {"exact": True},
    "using": "",
}
MORE_QDRANT_FIELDS = ("prefetch", "with_vectors", "lookup_from", "shard_key", "unknown")

BROKEN = {
    "nothing": b"",
    "blank": b"   ",
    "half": b'{"query_embeddings": [[0.5,',
    "null": b"null",
    "list": b"[]",
    "text": b'"text"',
    "number": b"7",
    "not utf-8": b'{"a": "\xff\xfe"}',
    "utf-16": '{"n_results": 3}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "trailing comma": b'{"n_results": 3,}',
    "trailing junk": b'{"n_results": 3} {"n_results": 4}',
    "NaN": b'{"query_embeddings": [[NaN]], "n_results": 3}',
    "single quotes": b"{'n_results': 3}",
    "lone surrogate": b'{"include": ["\\ud800"]}',
    "null byte": b'{"n_results": 3\x00}',
    "deep": b"[" * 100_000,
    "deep and closed": b'{"query": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "long number": b'{"n_results": ' + b"9" * 5000 + b"}",
}


@pytest.fixture(scope="module")
def chroma(chroma_doors, corpus):
    """Give a function that posts one body to the collection's search, through any door."""
    base = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    with httpx.Client(base_url=chroma_doors.direct.url) as direct:
        made = direct.post(base, json={"name": "bad-input"}).raise_for_status().json()
        records = {
            "ids": [passage.id for passage in corpus],
            "embeddings": [embed(passage.text) for passage in corpus],
            "documents": [passage.text for passage in corpus],
            "metadatas": [passage.metadata for passage in corpus],
        }
        direct.post(f"{base}/{made['id']}/add", json=records).raise_for_status()
    with httpx.Client(timeout=60) as client:
        yield lambda door, body, **headers: client.post(
            f"{door.url}{base}/{made['id']}/query", content=body, headers=HEADERS | headers
        )
    httpx.delete(f"{chroma_doors.direct.url}{base}/bad-input").raise_for_status()


@pytest.fixture(scope="module")
def qdrant(qdrant_doors, corpus):
    """Give a function that posts one body to the collection's search, through any door."""
    with httpx.Client(base_url=qdrant_doors.direct.url) as direct:
        config = {"vectors": {"size": SIZE, "distance": "Dot"}}
        direct.put("/collections/bad-input", json=config).raise_for_status()
        points = [
            {"id": one.number, "vector": embed(one.text), "payload": {"text": one.text, **one.metadata}}
            for one in corpus
        ]
        direct.put("/collections/bad-input/points", json={"points": points}).raise_for_status()
    with httpx.Client(timeout=60) as client:
        yield lambda door, body, path="query", **headers: client.post(
            f"{door.url}/collections/bad-input/points/{path}", content=body, headers=HEADERS | headers
        )
    httpx.delete(f"{qdrant_doors.direct.url}/collections/bad-input").raise_for_status()


def answer(response):
    """Give status and body; the times that a store reports differ from call to call."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = response.content
    if isinstance(body, dict):
        body.pop("time", None)
    return response.status_code, body


def test_a_search_without_a_mistake_is_reranked(chroma_doors, chroma, qdrant_doors, qdrant):
    """Otherwise nothing in this file would mean anything."""
    through_chroma = chroma(chroma_doors.unmoved, orjson.dumps(CHROMA_FIELDS))
    through_qdrant = qdrant(qdrant_doors.unmoved, orjson.dumps(QDRANT_FIELDS))

    assert through_chroma.headers["x-midrank"] == through_qdrant.headers["x-midrank"] == "reranked"


@pytest.mark.parametrize("field", CHROMA_FIELDS)
def test_junk_in_a_field_gets_chromas_own_answer(chroma_doors, chroma, field):
    for junk in JUNK:
        body = json.dumps({**CHROMA_FIELDS, field: junk}).encode()
        assert answer(chroma(chroma_doors.unmoved, body)) == answer(chroma(chroma_doors.direct, body)), junk


@pytest.mark.parametrize("field", [*QDRANT_FIELDS, *MORE_QDRANT_FIELDS])
def test_junk_in_a_field_gets_qdrants_own_answer(qdrant_doors, qdrant, field):
    for junk in JUNK:
        body = json.dumps({**QDRANT_FIELDS, field: junk}).encode()
        assert answer(qdrant(qdrant_doors.unmoved, body)) == answer(qdrant(qdrant_doors.direct, body)), junk


@pytest.mark.parametrize("field", CHROMA_FIELDS)
def test_a_field_left_out_gets_chromas_own_answer(chroma_doors, chroma, field):
    body = orjson.dumps({name: value for name, value in CHROMA_FIELDS.items() if name != field})

    assert answer(chroma(chroma_doors.unmoved, body)) == answer(chroma(chroma_doors.direct, body))


@pytest.mark.parametrize("field", QDRANT_FIELDS)
def test_a_field_left_out_gets_qdrants_own_answer(qdrant_doors, qdrant, field):
    body = orjson.dumps({name: value for name, value in QDRANT_FIELDS.items() if name != field})

    assert answer(qdrant(qdrant_doors.unmoved, body)) == answer(qdrant(qdrant_doors.direct, body))


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_broken_json_gets_the_stores_own_answer(chroma_doors, chroma, qdrant_doors, qdrant, body):
    assert answer(chroma(chroma_doors.unmoved, body)) == answer(chroma(chroma_doors.direct, body))
    assert answer(qdrant(qdrant_doors.unmoved, body)) == answer(qdrant(qdrant_doors.direct, body))


@pytest.mark.parametrize("path", ["query/batch", "query/groups", "search", "search/batch", "nothing"])
def test_a_body_on_the_wrong_path_gets_the_stores_own_answer(qdrant_doors, qdrant, path):
    for body in (orjson.dumps(QDRANT_FIELDS), b'{"searches": [null]}', b'{"searches": {}}', b"{}"):
        through = answer(qdrant(qdrant_doors.unmoved, body, path))
        assert through == answer(qdrant(qdrant_doors.direct, body, path))


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", "application/xml", ""])
def test_the_wrong_content_type_gets_the_stores_own_answer(chroma_doors, chroma, kind):
    body = orjson.dumps(CHROMA_FIELDS)
    through = answer(chroma(chroma_doors.unmoved, body, **{"content-type": kind}))

    assert through == answer(chroma(chroma_doors.direct, body, **{"content-type": kind}))


@pytest.mark.parametrize("text", ["%", "%zz", "%ff%fe", "a%00b", "x" * 8000, ""])
def test_a_query_header_that_cannot_be_read_is_ignored(chroma_doors, chroma, text):
    body = orjson.dumps(CHROMA_FIELDS)
    through = chroma(chroma_doors.unmoved, body, **{"x-midrank-query": text})

    assert answer(through) == answer(chroma(chroma_doors.direct, body))


def test_fifty_megabytes_get_the_stores_own_refusal_or_a_clear_error(
    chroma_doors, chroma, qdrant_doors, qdrant
):
    """Both stores refuse bodies of this size by their head, and close while they are still sent.

    Whoever sends then reads the refusal or finds the connection reset, whichever comes first.
    """
    body = orjson.dumps({**CHROMA_FIELDS, "ids": ["x" * MIB] * 50})

    for response in (chroma(chroma_doors.unmoved, body), qdrant(qdrant_doors.unmoved, body)):
        assert response.status_code in (413, 502)
        assert response.status_code == 413 or response.json()["error"] == "upstream_unreachable"


def test_thirty_megabytes_of_a_valid_search_are_answered(chroma_doors, chroma):
    body = orjson.dumps({**CHROMA_FIELDS, "ids": ["passage-2", *(["x" * MIB] * 30)]})

    assert answer(chroma(chroma_doors.unmoved, body)) == answer(chroma(chroma_doors.direct, body))


# A passing request, and a search.
PATHS = ("/api/v2/heartbeat", "/api/v2/tenants/t/databases/d/collections/c/query")


@pytest.mark.parametrize("path", PATHS)
def test_a_store_that_is_down_is_named_in_a_502(path):
    with (
        nobody_listening() as store,
        running(single_door("chroma", store), {"default": Reversing()}) as addresses,
    ):
        response = httpx.post(f"{addresses['door'].url}{path}", json=CHROMA_FIELDS, headers=HEADERS)

    assert response.status_code == 502
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"] == "upstream_unreachable"
    outcome = (response.headers.get("x-midrank"), response.headers.get("x-midrank-reason"))
    assert outcome == (("passed", "store_error") if path.endswith("/query") else (None, None))


@pytest.mark.parametrize("path", PATHS)
def test_a_store_that_is_silent_is_named_in_a_504(path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Address(*silent.getsockname())
        policy = single_door("chroma", store, timeout_s=0.2)
        with running(policy, {"default": Reversing()}) as addresses:
            response = httpx.post(f"{addresses['door'].url}{path}", json=CHROMA_FIELDS, headers=HEADERS)

    assert response.status_code == 504
    assert response.json()["error"] == "upstream_timeout"
