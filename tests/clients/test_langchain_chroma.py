"""langchain-chroma against a real Chroma server."""

from __future__ import annotations

from functools import cache

import pytest
from langchain_chroma import Chroma

from tests.clients.doors import WINDOW
from tests.clients.words import WordEmbeddings
from tests.fakes.corpus import embed

pytestmark = pytest.mark.store

QUESTION = "where is the replica of the journal?"
NAME = "langchain"

# Every public search: (store, k) -> documents, or tuples that begin with one, in answer order.
CALLS = {
    "similarity_search": lambda store, k: store.similarity_search(QUESTION, k=k),
    "filter": lambda store, k: store.similarity_search(QUESTION, k=k, filter={"even": True}),
    "where_document": lambda store, k: store.similarity_search(
        QUESTION, k=k, where_document={"$contains": "disk"}
    ),
    "by_vector": lambda store, k: store.similarity_search_by_vector(embed(QUESTION), k=k),
    "with_score": lambda store, k: store.similarity_search_with_score(QUESTION, k=k),
    "with_relevance_scores": lambda store, k: store.similarity_search_with_relevance_scores(QUESTION, k=k),
    "with_vectors": lambda store, k: [
        (document, vector.tolist())
        for document, vector in store.similarity_search_with_vectors(QUESTION, k=k)
    ],
    "retriever": lambda store, k: store.as_retriever(search_kwargs={"k": k}).invoke(QUESTION),
}


@cache  # connecting takes longer than asking
def connect(address):
    return Chroma(
        NAME,
        WordEmbeddings(),
        host=address.host,
        port=address.port,
        collection_metadata={"hnsw:space": "cosine"},
    )


@pytest.fixture(scope="module", autouse=True)
def collection(chroma_doors, corpus):
    store = connect(chroma_doors.direct)
    store.add_texts(
        [passage.text for passage in corpus],
        metadatas=[passage.metadata for passage in corpus],
        ids=[passage.id for passage in corpus],
    )
    yield
    store.delete_collection()


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_without_a_change_of_order_midrank_is_invisible(chroma_doors, asking, door, call):
    with asking(QUESTION):
        through = call(connect(getattr(chroma_doors, door)), 7)

    assert through == call(connect(chroma_doors.direct), 7)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_page_holds_the_reranked_window(chroma_doors, asking, call):
    direct = call(connect(chroma_doors.direct), WINDOW)

    with asking(QUESTION):
        page = call(connect(chroma_doors.reversing), 4)

    assert page == direct[::-1][:4]


async def test_the_async_interface_sees_the_same(chroma_doors, asking):
    direct = await connect(chroma_doors.direct).asimilarity_search_with_score(QUESTION, k=WINDOW)

    with asking(QUESTION):
        page = await connect(chroma_doors.reversing).asimilarity_search_with_score(QUESTION, k=4)

    assert page == direct[::-1][:4]


def test_mmr_in_the_client_chooses_from_the_reranked_window(chroma_doors, asking):
    """The client picks the same from an equal window, and answers its picks in the order they came."""

    def mmr(address):
        store = connect(address)
        return store.max_marginal_relevance_search(QUESTION, k=5, fetch_k=WINDOW, lambda_mult=0.4)

    with asking(QUESTION):
        picked = mmr(chroma_doors.reversing)

    assert picked == mmr(chroma_doors.direct)[::-1]


def test_documents_can_be_written_and_deleted_through_midrank(chroma_doors):
    store = connect(chroma_doors.reversing)
    store.add_texts(["a passage about zebras"], metadatas=[{"stripes": True}], ids=["zebra"])

    assert store.get_by_ids(["zebra"])[0].page_content == "a passage about zebras"

    store.delete(["zebra"])
    assert store.get_by_ids(["zebra"]) == []
