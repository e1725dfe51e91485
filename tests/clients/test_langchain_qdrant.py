"""langchain-qdrant against the Qdrant stand-in."""

from __future__ import annotations

from functools import cache

import pytest
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from qdrant_client import models as m

from tests.clients.doors import WINDOW
from tests.clients.words import WordEmbeddings
from tests.fakes.corpus import SIZE, embed

pytestmark = pytest.mark.store

QUESTION = "replica page of the snapshot"
NAME = "langchain"
EVEN = m.Filter(must=[m.FieldCondition(key="metadata.even", match=m.MatchValue(value=True))])

# Every public search: (store, k) -> documents, or tuples that begin with one, in answer order.
CALLS = {
    "similarity_search": lambda store, k: store.similarity_search(QUESTION, k=k),
    "filter": lambda store, k: store.similarity_search(QUESTION, k=k, filter=EVEN),
    "score_threshold": lambda store, k: store.similarity_search(QUESTION, k=k, score_threshold=0.05),
    "by_vector": lambda store, k: store.similarity_search_by_vector(embed(QUESTION), k=k),
    "with_score": lambda store, k: store.similarity_search_with_score(QUESTION, k=k),
    "retriever": lambda store, k: store.as_retriever(search_kwargs={"k": k}).invoke(QUESTION),
}


@cache  # connecting takes longer than asking
def connect(address):
    client = QdrantClient(url=address.url, check_compatibility=False)
    return QdrantVectorStore(client, NAME, WordEmbeddings(), distance=m.Distance.DOT)


@pytest.fixture(scope="module", autouse=True)
def collection(qdrant_doors, corpus):
    client = QdrantClient(url=qdrant_doors.direct.url, check_compatibility=False)
    client.create_collection(NAME, m.VectorParams(size=SIZE, distance=m.Distance.DOT))
    connect(qdrant_doors.direct).add_texts(
        [passage.text for passage in corpus],
        metadatas=[passage.metadata for passage in corpus],
        ids=[passage.uuid for passage in corpus],
    )
    yield
    client.delete_collection(NAME)


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_without_a_change_of_order_midrank_is_invisible(qdrant_doors, asking, door, call):
    with asking(QUESTION):
        through = call(connect(getattr(qdrant_doors, door)), 7)

    assert through == call(connect(qdrant_doors.direct), 7)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_page_holds_the_reranked_window(qdrant_doors, asking, call):
    direct = call(connect(qdrant_doors.direct), WINDOW)

    with asking(QUESTION):
        page = call(connect(qdrant_doors.reversing), 4)

    assert page == direct[::-1][:4]


async def test_the_async_interface_sees_the_same(qdrant_doors, asking):
    direct = await connect(qdrant_doors.direct).asimilarity_search_with_score(QUESTION, k=WINDOW)

    with asking(QUESTION):
        page = await connect(qdrant_doors.reversing).asimilarity_search_with_score(QUESTION, k=4)

    assert page == direct[::-1][:4]


def test_mmr_is_the_stores_own_and_is_left_alone(qdrant_doors, asking):
    def mmr(address):
        return connect(address).max_marginal_relevance_search(QUESTION, k=5, fetch_k=12, lambda_mult=0.4)

    with asking(QUESTION):
        picked = mmr(qdrant_doors.reversing)

    assert picked == mmr(qdrant_doors.direct)
