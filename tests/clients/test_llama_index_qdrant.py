"""LlamaIndex's Qdrant integration against the Qdrant stand-in."""

from __future__ import annotations

from functools import cache

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client import models as m

from tests.clients.doors import WINDOW
from tests.fakes.corpus import SIZE, embed

pytestmark = pytest.mark.store

QUESTION = "flour and butter for the dough"
DENSE = m.VectorParams(size=SIZE, distance=m.Distance.DOT)
KITCHEN = MetadataFilters(filters=[MetadataFilter(key="topic", value="kitchen")])

QUERIES = {
    "plain": {},
    "metadata filter": {"filters": KITCHEN},
}


@pytest.fixture(scope="module", autouse=True)
def collections(qdrant_doors, corpus):
    """Fill one collection with dense vectors, and one with sparse vectors too."""
    for name in ("llama-index", "llama-index-hybrid"):
        nodes = [
            TextNode(
                id_=passage.uuid, text=passage.text, metadata=passage.metadata, embedding=embed(passage.text)
            )
            for passage in corpus
        ]
        connect(qdrant_doors.direct, name).add(nodes)
    yield
    for name in ("llama-index", "llama-index-hybrid"):
        connect(qdrant_doors.direct, name).clear()


@cache
def connect(address, name="llama-index"):
    options = {"url": address.url, "check_compatibility": False}
    client, async_client = QdrantClient(**options), AsyncQdrantClient(**options)
    if name == "llama-index":
        return QdrantVectorStore(name, client=client, aclient=async_client, dense_config=DENSE)
    return QdrantVectorStore(
        name,
        client=client,
        dense_config=DENSE,
        enable_hybrid=True,
        sparse_doc_fn=_sparse,
        sparse_query_fn=_sparse,
    )


def _sparse(texts):
    """Give the words of each text as indices with weights, the way a sparse encoder does."""
    words = [sorted({sum(word.encode()) % 1000 for word in text.lower().split()}) for text in texts]
    return words, [[1.0] * len(found) for found in words]


def ask(store, top_k, **options):
    query = VectorStoreQuery(
        query_embedding=embed(QUESTION), query_str=QUESTION, similarity_top_k=top_k, **options
    )
    return rows(store.query(query))


def rows(found):
    """Give the answer as rows: node text, metadata, similarity, id."""
    return [
        (node.text, node.metadata, similarity, node_id)
        for node, similarity, node_id in zip(found.nodes, found.similarities, found.ids, strict=True)
    ]


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("options", QUERIES.values(), ids=QUERIES)
def test_without_a_change_of_order_midrank_is_invisible(qdrant_doors, asking, door, options):
    with asking(QUESTION):
        through = ask(connect(getattr(qdrant_doors, door)), 7, **options)

    assert through == ask(connect(qdrant_doors.direct), 7, **options)


@pytest.mark.parametrize("options", QUERIES.values(), ids=QUERIES)
def test_a_page_holds_the_reranked_window(qdrant_doors, asking, options):
    direct = ask(connect(qdrant_doors.direct), WINDOW, **options)

    with asking(QUESTION):
        page = ask(connect(qdrant_doors.reversing), 4, **options)

    assert page == direct[::-1][:4]


async def test_the_async_interface_sees_the_same(qdrant_doors, asking):
    direct = ask(connect(qdrant_doors.direct), WINDOW)
    query = VectorStoreQuery(query_embedding=embed(QUESTION), similarity_top_k=4)

    with asking(QUESTION):
        found = await connect(qdrant_doors.reversing).aquery(query)

    assert rows(found) == direct[::-1][:4]


@pytest.mark.parametrize("mode", [VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.DEFAULT])
def test_a_batch_of_one_is_reranked_as_a_plain_search_is(qdrant_doors, asking, mode):
    """With hybrid search enabled, all its searches are batches."""
    wide = ask(connect(qdrant_doors.direct, "llama-index-hybrid"), WINDOW, mode=mode)
    with asking(QUESTION):
        page = ask(connect(qdrant_doors.reversing, "llama-index-hybrid"), 5, mode=mode)

    assert page == wide[::-1][:5]


@pytest.mark.parametrize("mode", [VectorStoreQueryMode.HYBRID])
def test_batches_that_the_client_fuses_itself_are_left_alone(qdrant_doors, asking, mode):
    """Cutting each part after reranking would change what the client fuses: batches pass by default."""
    with asking(QUESTION):
        through = ask(connect(qdrant_doors.reversing, "llama-index-hybrid"), 5, mode=mode)

    assert through == ask(connect(qdrant_doors.direct, "llama-index-hybrid"), 5, mode=mode)
