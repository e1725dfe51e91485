"""The chromadb client, sync and async, against a real Chroma server."""

from __future__ import annotations

from functools import cache
from typing import Any

import chromadb
import pytest

from tests.clients.doors import WINDOW, outcome
from tests.fakes.corpus import embed

pytestmark = pytest.mark.store

NAME = "passages"
QUESTION = "simmer the onion in butter"
COLUMNS = ("ids", "documents", "metadatas", "distances", "embeddings", "uris")

# What the client can be asked for; n_results is left to the test.
ASKED: dict[str, dict[str, Any]] = {
    "default include": {},
    "ids only": {"include": []},
    "documents": {"include": ["documents"]},
    "metadatas": {"include": ["metadatas"]},
    "distances": {"include": ["distances"]},
    "embeddings": {"include": ["embeddings", "metadatas"]},
    "uris": {"include": ["uris", "distances"]},
    "everything": {"include": ["documents", "metadatas", "distances", "embeddings", "uris"]},
    "where": {"where": {"$and": [{"even": True}, {"number": {"$gt": 3}}]}},
    "where without documents": {"where": {"topic": "kitchen"}, "include": ["metadatas"]},
    "where_document": {"where_document": {"$contains": "pepper"}},
    "ids": {"ids": [f"passage-{number}" for number in range(0, 40, 3)]},
}


@pytest.fixture(scope="module", autouse=True)
def collection(chroma_doors, corpus):
    client = connect(chroma_doors.direct)
    made = client.create_collection(NAME, embedding_function=None, metadata={"hnsw:space": "cosine"})
    made.add(
        ids=[passage.id for passage in corpus],
        embeddings=[embed(passage.text) for passage in corpus],
        documents=[passage.text for passage in corpus],
        metadatas=[passage.metadata for passage in corpus],
        uris=[f"file:///{passage.id}" for passage in corpus],
    )
    yield
    client.delete_collection(NAME)


@cache  # connecting takes longer than asking
def connect(address):
    return chromadb.HttpClient(host=address.host, port=address.port)


def ask(address, n_results, **asked):
    found = connect(address).get_collection(NAME, embedding_function=None)
    return found.query(query_embeddings=[embed(QUESTION)], n_results=n_results, **asked)


def hits(result, query=0):
    """Give one query's answer as rows; a column that was not asked for stays None in every row."""
    columns = {name: result[name] for name in COLUMNS}
    return [
        {name: None if column is None else _plain(column[query][place]) for name, column in columns.items()}
        for place in range(len(result["ids"][query]))
    ]


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("n_results", [5, 100])
def test_without_a_change_of_order_midrank_is_invisible(chroma_doors, asking, door, asked, n_results):
    with asking(QUESTION):
        through = ask(getattr(chroma_doors, door), n_results, **asked)

    assert _comparable(through) == _comparable(ask(chroma_doors.direct, n_results, **asked))


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("n_results", [1, WINDOW])
def test_a_page_holds_the_reranked_window_and_no_field_more(chroma_doors, asking, asked, n_results):
    direct = ask(chroma_doors.direct, WINDOW, **asked)

    with asking(QUESTION):
        page = ask(chroma_doors.reversing, n_results, **asked)

    assert hits(page) == hits(direct)[::-1][:n_results]
    assert page["included"] == direct["included"]


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_without_a_query_text_answers_are_the_stores_own(chroma_doors, asked):
    through = ask(chroma_doors.reversing, 5, **asked)

    assert _comparable(through) == _comparable(ask(chroma_doors.direct, 5, **asked))


def test_a_page_above_the_window_goes_on_with_the_stores_own_rows(chroma_doors, asking):
    direct = hits(ask(chroma_doors.direct, 30))

    with asking(QUESTION):
        page = hits(ask(chroma_doors.reversing, 30))

    assert page == direct[:WINDOW][::-1] + direct[WINDOW:]


def test_more_results_than_the_collection_has_give_the_whole_collection(chroma_doors, asking, corpus):
    with asking(QUESTION):
        page = ask(chroma_doors.reversing, 1000)

    assert sorted(page["ids"][0]) == sorted(passage.id for passage in corpus)


def test_every_query_of_a_batch_is_reranked(chroma_doors, asking):
    questions = [embed("onion butter"), embed("disk journal"), embed("violin chorus")]

    def ask_all(address, n_results):
        collection = connect(address).get_collection(NAME, embedding_function=None)
        return collection.query(query_embeddings=questions, n_results=n_results)

    direct = ask_all(chroma_doors.direct, WINDOW)
    with asking(QUESTION):
        page = ask_all(chroma_doors.reversing, 4)

    assert [hits(page, query) for query in range(3)] == [hits(direct, query)[::-1][:4] for query in range(3)]


def test_records_without_a_document_follow_the_ranked_ones(chroma_doors, asking):
    client = connect(chroma_doors.direct)
    made = client.create_collection("some-text", embedding_function=None)
    vectors = {name: [float(place), 1.0] for place, name in enumerate("abcdef")}
    made.add(ids=list("ace"), embeddings=[vectors[name] for name in "ace"], documents=["one", "two", "three"])
    made.add(ids=list("bdf"), embeddings=[vectors[name] for name in "bdf"])

    with asking(QUESTION):
        through = connect(chroma_doors.reversing).get_collection("some-text", embedding_function=None)
        page = through.query(query_embeddings=[[0.0, 1.0]], n_results=5)

    assert page["ids"] == [["e", "c", "a", "b", "d"]]
    assert page["documents"] == [["three", "two", "one", None, None]]
    client.delete_collection("some-text")


def test_a_filter_that_nothing_matches_gives_an_empty_page(chroma_doors, asking):
    with asking(QUESTION):
        page = ask(chroma_doors.reversing, 5, where={"topic": "astronomy"})

    assert page["ids"] == [[]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"query_embeddings": [[0.5, 0.5]]},
        {"query_embeddings": [embed(QUESTION)], "where": {"topic": {"$like": "k"}}},
        {"query_embeddings": [embed(QUESTION)], "n_results": 0},
        {"query_embeddings": [embed(QUESTION)], "include": ["nothing"]},
    ],
    ids=["dimension", "operator", "no results", "include"],
)
def test_a_refusal_raises_the_same_exception_as_without_midrank(chroma_doors, asking, wrong):
    def refused(address):
        collection = connect(address).get_collection(NAME, embedding_function=None)
        return outcome(lambda: collection.query(**wrong))

    with asking(QUESTION):
        assert refused(chroma_doors.reversing) == refused(chroma_doors.direct)


def test_a_missing_collection_raises_the_same_exception_as_without_midrank(chroma_doors):
    def missing(address):
        return outcome(lambda: connect(address).get_collection("nowhere", embedding_function=None))

    assert missing(chroma_doors.reversing) == missing(chroma_doors.direct)


def test_a_dropped_collection_raises_the_same_exception_as_without_midrank(chroma_doors, asking):
    client = connect(chroma_doors.direct)
    client.create_collection("short-lived", embedding_function=None)
    kept = [
        connect(door).get_collection("short-lived", embedding_function=None)
        for door in (chroma_doors.direct, chroma_doors.reversing)
    ]
    client.delete_collection("short-lived")

    with asking(QUESTION):
        direct, through = (
            outcome(lambda collection=collection: collection.query(query_embeddings=[embed(QUESTION)]))
            for collection in kept
        )

    assert through == direct


def test_writing_reading_and_deleting_pass_through(chroma_doors):
    client = connect(chroma_doors.reversing)
    notes = client.get_or_create_collection("notes", embedding_function=None)
    notes.add(ids=["a", "b"], embeddings=[[1.0, 0.0], [0.0, 1.0]], documents=["first", "second"])
    notes.upsert(ids=["b"], embeddings=[[0.5, 0.5]], documents=["changed"])
    notes.delete(ids=["a"])

    assert notes.count() == 1
    assert notes.get()["documents"] == ["changed"]
    assert notes.peek()["ids"] == ["b"]
    assert "notes" in [collection.name for collection in client.list_collections()]

    client.delete_collection("notes")


async def test_the_async_client_sees_the_same(chroma_doors, asking):
    async def ask_async(address, n_results, **asked):
        client = await chromadb.AsyncHttpClient(host=address.host, port=address.port)
        collection = await client.get_collection(NAME, embedding_function=None)
        return await collection.query(query_embeddings=[embed(QUESTION)], n_results=n_results, **asked)

    for asked in ASKED.values():
        direct = await ask_async(chroma_doors.direct, WINDOW, **asked)
        with asking(QUESTION):
            off = await ask_async(chroma_doors.off, WINDOW, **asked)
            page = await ask_async(chroma_doors.reversing, 5, **asked)

        assert _comparable(off) == _comparable(direct)
        assert hits(page) == hits(direct)[::-1][:5]


def _comparable(result):
    """Give a whole result in plain values: the client turns embeddings into arrays."""
    embeddings = result["embeddings"]
    plain = None if embeddings is None else [[_plain(one) for one in rows] for rows in embeddings]
    return {**result, "embeddings": plain}
