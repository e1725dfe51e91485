"""Haystack's Qdrant integration against the Qdrant stand-in."""

from __future__ import annotations

from functools import cache

import pytest
from haystack import Document
from haystack_integrations.components.retrievers.qdrant import QdrantEmbeddingRetriever
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

from tests.clients.doors import WINDOW
from tests.fakes.corpus import SIZE, embed

pytestmark = pytest.mark.store

QUESTION = "pruning the root of a blossom"
NAME = "haystack"

OPTIONS = {
    "plain": {},
    "filter": {"filters": {"field": "meta.number", "operator": ">", "value": 9}},
    "embeddings": {"return_embedding": True},
    "scaled score": {"scale_score": True},
}


@cache  # connecting takes longer than asking
def connect(address):
    return QdrantDocumentStore(
        url=address.url,
        index=NAME,
        embedding_dim=SIZE,
        similarity="dot_product",
        progress_bar=False,
        client_kwargs={"check_compatibility": False},
    )


@pytest.fixture(scope="module", autouse=True)
def collection(qdrant_doors, corpus):
    store = connect(qdrant_doors.direct)
    store.write_documents(
        [
            Document(passage.id, passage.text, meta=passage.metadata, embedding=embed(passage.text))
            for passage in corpus
        ]
    )
    yield
    store.delete_all_documents()


def ask(address, top_k, **options):
    """Retrieve through the public component; documents compare by all their fields, score included."""
    retriever = QdrantEmbeddingRetriever(connect(address), top_k=top_k, **options)
    return retriever.run(embed(QUESTION))["documents"]


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_without_a_change_of_order_midrank_is_invisible(qdrant_doors, asking, door, options):
    with asking(QUESTION):
        through = ask(getattr(qdrant_doors, door), 7, **options)

    assert through == ask(qdrant_doors.direct, 7, **options)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_page_holds_the_reranked_window(qdrant_doors, asking, options):
    direct = ask(qdrant_doors.direct, WINDOW, **options)

    with asking(QUESTION):
        page = ask(qdrant_doors.reversing, 4, **options)

    assert page == direct[::-1][:4]


async def test_the_async_interface_sees_the_same(qdrant_doors, asking):
    direct = ask(qdrant_doors.direct, WINDOW)

    with asking(QUESTION):
        found = await QdrantEmbeddingRetriever(connect(qdrant_doors.reversing), top_k=4).run_async(
            embed(QUESTION)
        )

    assert found["documents"] == direct[::-1][:4]


def test_groups_are_left_alone(qdrant_doors, asking):
    grouped = {"group_by": "meta.topic", "group_size": 2}

    with asking(QUESTION):
        through = ask(qdrant_doors.reversing, 3, **grouped)

    assert through == ask(qdrant_doors.direct, 3, **grouped)
