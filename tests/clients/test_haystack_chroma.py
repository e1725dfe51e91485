"""Haystack's Chroma integration against a real Chroma server."""

from __future__ import annotations

from functools import cache

import pytest
from haystack import Document
from haystack_integrations.components.retrievers.chroma import ChromaEmbeddingRetriever
from haystack_integrations.document_stores.chroma import ChromaDocumentStore

from tests.clients.doors import WINDOW
from tests.fakes.corpus import embed

pytestmark = pytest.mark.store

QUESTION = "a chorus in harmony with the violin"
NAME = "haystack"

FILTERS = {
    "no filter": None,
    "filter": {"field": "meta.number", "operator": ">", "value": 9},
}


@cache  # connecting takes longer than asking
def connect(address):
    return ChromaDocumentStore(NAME, host=address.host, port=address.port, distance_function="cosine")


@pytest.fixture(scope="module", autouse=True)
def collection(chroma_doors, corpus):
    store = connect(chroma_doors.direct)
    store.write_documents(
        [
            Document(passage.id, passage.text, meta=passage.metadata, embedding=embed(passage.text))
            for passage in corpus
        ]
    )
    yield
    store.delete_all_documents()


def ask(address, top_k, filters=None):
    """Retrieve through the public component; documents compare by all their fields, score included."""
    retriever = ChromaEmbeddingRetriever(connect(address), filters=filters, top_k=top_k)
    return retriever.run(embed(QUESTION))["documents"]


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_without_a_change_of_order_midrank_is_invisible(chroma_doors, asking, door, filters):
    with asking(QUESTION):
        through = ask(getattr(chroma_doors, door), 7, filters)

    assert through == ask(chroma_doors.direct, 7, filters)


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_a_page_holds_the_reranked_window(chroma_doors, asking, filters):
    direct = ask(chroma_doors.direct, WINDOW, filters)

    with asking(QUESTION):
        page = ask(chroma_doors.reversing, 4, filters)

    assert page == direct[::-1][:4]


async def test_the_async_interface_sees_the_same(chroma_doors, asking):
    direct = ask(chroma_doors.direct, WINDOW)
    store = connect(chroma_doors.reversing)

    with asking(QUESTION):
        found = await ChromaEmbeddingRetriever(store, top_k=4).run_async(embed(QUESTION))

    assert found["documents"] == direct[::-1][:4]
