"""What midrank relies on in Chroma, asked of a real server; a new version that differs fails here first."""

from __future__ import annotations

import pytest

from tests.fakes.corpus import embed, passages

pytestmark = pytest.mark.store

BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
COLUMNS = {"ids", "embeddings", "documents", "uris", "metadatas", "distances"}
VECTOR = embed("onion butter")


@pytest.fixture(scope="module")
def ask(chroma):
    """Give a function that posts a query to a filled collection."""
    corpus = passages(40)
    made = chroma.post(BASE, json={"name": "relied-on"}).raise_for_status().json()
    records = {
        "ids": [passage.id for passage in corpus],
        "embeddings": [embed(passage.text) for passage in corpus],
        "documents": [passage.text for passage in corpus],
    }
    chroma.post(f"{BASE}/{made['id']}/add", json=records).raise_for_status()
    return lambda **body: chroma.post(
        f"{BASE}/{made['id']}/query", json={"query_embeddings": [VECTOR], **body}
    )


def test_an_answer_has_six_columns_and_says_what_it_includes(ask):
    found = ask(include=["distances"]).json()

    assert set(found) == COLUMNS | {"include"}
    assert {name for name in COLUMNS if found[name] is None} == COLUMNS - {"ids", "distances"}
    assert found["include"] == ["distances"]


def test_ten_results_are_the_default(ask):
    assert len(ask().json()["ids"][0]) == 10


def test_asking_for_more_does_not_change_the_first_ones(ask):
    assert ask(n_results=30).json()["ids"][0][:5] == ask(n_results=5).json()["ids"][0]


def test_asking_for_more_than_there_is_gives_all_there_is(ask):
    assert len(ask(n_results=1000).json()["ids"][0]) == 40


def test_no_results_is_a_valid_wish(ask):
    assert ask(n_results=0).json()["ids"] == [[]]


def test_paging_parameters_are_ignored(chroma, ask):
    assert ask(n_results=3, offset=2).json()["ids"] == ask(n_results=3).json()["ids"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"query_embeddings": [[1.0]]}, 400), ({"n_results": -1}, 422), ({"include": ["nothing"]}, 422)],
)
def test_a_refusal_names_its_error(ask, body, status):
    refused = ask(**body)

    assert refused.status_code == status
    assert set(refused.json()) == {"error", "message"}


def test_a_collection_is_looked_up_by_name_and_searched_by_id(chroma, ask):
    found = chroma.get(f"{BASE}/relied-on").json()

    assert found["name"] == "relied-on"
    assert found["id"] in [collection["id"] for collection in chroma.get(BASE).json()]
