"""LlamaIndex's Chroma integration against a real Chroma server."""

from __future__ import annotations

from functools import cache

import chromadb
import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.chroma import ChromaVectorStore

from tests.clients.doors import WINDOW
from tests.fakes.corpus import embed

pytestmark = pytest.mark.store

QUESTION = "which seedling needs compost and shade"
NAME = "llama-index"
GARDEN = MetadataFilters(filters=[MetadataFilter(key="topic", value="garden")])

QUERIES = {
    "plain": {},
    "metadata filter": {"filters": GARDEN},
}


@pytest.fixture(scope="module", autouse=True)
def collection(chroma_doors, corpus):
    client = chromadb.HttpClient(host=chroma_doors.direct.host, port=chroma_doors.direct.port)
    made = client.create_collection(NAME, embedding_function=None)
    nodes = [
        TextNode(
            id_=passage.uuid, text=passage.text, metadata=passage.metadata, embedding=embed(passage.text)
        )
        for passage in corpus
    ]
    ChromaVectorStore(chroma_collection=made).add(nodes)
    yield
    client.delete_collection(NAME)


@cache
def connect(address):
    client = chromadb.HttpClient(host=address.host, port=address.port)
    return ChromaVectorStore(chroma_collection=client.get_collection(NAME, embedding_function=None))


def ask(address, top_k, **options):
    """Give the answer as rows: node text, metadata, similarity, id."""
    store = connect(address)
    mmr = {name: options.pop(name) for name in tuple(options) if name.startswith("mmr_")}
    query = VectorStoreQuery(query_embedding=embed(QUESTION), similarity_top_k=top_k, **options)
    found = store.query(query, **mmr)
    return [
        (node.text, node.metadata, similarity, node_id)
        for node, similarity, node_id in zip(found.nodes, found.similarities, found.ids, strict=True)
    ]


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("options", QUERIES.values(), ids=QUERIES)
def test_without_a_change_of_order_midrank_is_invisible(chroma_doors, asking, door, options):
    with asking(QUESTION):
        through = ask(getattr(chroma_doors, door), 7, **options)

    assert through == ask(chroma_doors.direct, 7, **options)


@pytest.mark.parametrize("options", QUERIES.values(), ids=QUERIES)
def test_a_page_holds_the_reranked_window(chroma_doors, asking, options):
    direct = ask(chroma_doors.direct, WINDOW, **options)

    with asking(QUESTION):
        page = ask(chroma_doors.reversing, 4, **options)

    assert page == direct[::-1][:4]


def test_mmr_in_the_client_chooses_from_the_reranked_window(chroma_doors, asking):
    mmr = {"mode": VectorStoreQueryMode.MMR, "mmr_prefetch_k": WINDOW, "mmr_threshold": 0.5}

    with asking(QUESTION):
        picked = ask(chroma_doors.reversing, 5, **mmr)

    assert picked == ask(chroma_doors.direct, 5, **mmr)
