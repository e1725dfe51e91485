"""The Qdrant stand-in answers as the real server is documented to, where midrank looks."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tests.fakes.corpus import SIZE, embed, passages

pytestmark = pytest.mark.store

VECTOR = embed("onion butter")
POINTS = "/collections/passages/points"


@pytest.fixture(scope="module", autouse=True)
def collections(qdrant):
    """Fill one collection, and one whose strict mode allows ten rows."""
    points = [
        {"id": one.number, "vector": embed(one.text), "payload": {"text": one.text, "nothing": None}}
        for one in passages(30)
    ]
    vectors = {"size": SIZE, "distance": "Dot"}
    strict = {"enabled": True, "max_query_limit": 10}
    for name, config in {
        "passages": {"vectors": vectors},
        "strict": {"vectors": vectors, "strict_mode_config": strict},
    }.items():
        qdrant.put(f"/collections/{name}", json=config).raise_for_status()
        qdrant.put(f"/collections/{name}/points", json={"points": points}).raise_for_status()


def ask(qdrant, path="query", **body):
    return qdrant.post(f"{POINTS}/{path}", json=body)


def error(response):
    assert set(response.json()) == {"status", "time"}
    return response.status_code, response.json()["status"]["error"]


def test_an_answer_has_points_status_time_and_usage(qdrant):
    found = ask(qdrant, query=VECTOR, limit=2).json()

    assert set(found) == {"result", "status", "time", "usage"}
    assert found["status"] == "ok"
    assert [set(point) for point in found["result"]["points"]] == [{"id", "version", "score"}] * 2


def test_payload_and_vector_are_left_out_unless_asked_for(qdrant):
    found = ask(qdrant, query=VECTOR, limit=1, with_payload=True, with_vectors=True).json()

    assert set(found["result"]["points"][0]) == {"id", "version", "score", "payload", "vector"}
    assert found["result"]["points"][0]["payload"]["nothing"] is None


def test_a_legacy_search_answers_a_bare_list(qdrant):
    legacy = ask(qdrant, "search", vector=VECTOR, top=3).json()["result"]

    assert legacy == ask(qdrant, query=VECTOR, limit=3).json()["result"]["points"]


def test_the_shapes_of_batches_differ(qdrant):
    query = ask(qdrant, "query/batch", searches=[{"query": VECTOR, "limit": 2}]).json()["result"]
    search = ask(qdrant, "search/batch", searches=[{"vector": VECTOR, "limit": 2}]).json()["result"]

    assert search == [query[0]["points"]]


def test_strict_mode_refuses_a_limit_and_says_which_is_allowed(qdrant):
    refused = qdrant.post("/collections/strict/points/query", json={"query": VECTOR, "limit": 50})

    assert error(refused) == (
        400,
        'Limit exceeded 50 > 10 for "limit". Help: Reduce the "limit" parameter to or below 10.',
    )


def test_strict_mode_looks_at_prefetches_too(qdrant):
    body = {"prefetch": {"query": VECTOR, "limit": 50}, "query": VECTOR, "limit": 5}

    assert error(qdrant.post("/collections/strict/points/query", json=body))[0] == 400


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"query": VECTOR, "limit": 0}, 422, "Validation error in JSON body: [limit: value 0 invalid"),
        ({"query": VECTOR, "limit": "3"}, 400, "Format error in JSON body: "),
        ({"query": VECTOR, "limit": True}, 400, "Format error in JSON body: "),
        ({"query": [1.0]}, 400, "Wrong input: "),
    ],
)
def test_a_refusal_says_why(qdrant, body, status, words):
    refused = error(ask(qdrant, **body))

    assert refused[0] == status
    assert refused[1].startswith(words)


def test_a_missing_collection_is_not_found(qdrant):
    refused = qdrant.post("/collections/nowhere/points/query", json={"query": VECTOR})

    assert error(refused) == (404, "Not found: Collection `nowhere` doesn't exist!")


def test_a_wrong_key_is_refused_and_a_bearer_token_will_do(qdrant):
    assert qdrant.get("/collections", headers={"api-key": "wrong"}).status_code == 401

    in_bearer = {"api-key": "", "authorization": "Bearer secret"}
    assert qdrant.get("/collections", headers=in_bearer).status_code == 200


def test_answers_are_compressed_for_whoever_accepts_it(qdrant):
    with qdrant.stream("POST", f"{POINTS}/query", json={"query": VECTOR}) as response:
        raw = b"".join(response.iter_raw())

    assert response.headers["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(raw))["status"] == "ok"


def test_a_trailing_slash_is_forgiven(qdrant):
    assert ask(qdrant, "query/", query=VECTOR).json()["status"] == "ok"


def test_a_text_is_embedded_by_the_store(qdrant):
    in_words = ask(qdrant, query={"text": "onion butter", "model": "words"}, limit=3).json()["result"]

    assert in_words == ask(qdrant, query=VECTOR, limit=3).json()["result"]
