"""Documents that unmodified clients write are known before anyone searches, under the text searched for."""

from __future__ import annotations

import asyncio

import chromadb
import httpx
import pytest
from qdrant_client import QdrantClient, models

from proxy.app import App
from proxy.policy import LateInteractionModel
from proxy.scorers import build_scorer
from tests.clients.doors import single_door
from tests.fakes.servers import Address

pytestmark = [pytest.mark.store, pytest.mark.model]

BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
TEXTS = [
    f"The {thing} is kept in the {place} \u2013 \u201calways\u201d." for thing, place in ("ab", "cd", "ef")
]
VECTORS = [[float(place), 1.0] for place in range(len(TEXTS))]
HEADERS = {"x-midrank-query": "where%20is%20it"}


@pytest.fixture
def scorer():
    """Build it outside of the event loop, as `midrank run` does: it counts the CPUs."""
    return build_scorer("default", LateInteractionModel(kind="late_interaction"))


async def search_after(write, search, kind: str, store: Address, scorer) -> httpx.Response:
    """Write through midrank, wait until that is encoded, and search."""
    app = App(single_door(kind, store, budget_ms=30_000), scorers={"default": scorer})
    await app.start()
    await app.loaded()
    door = Address(*app.addresses["door"])
    path = await asyncio.to_thread(write, door)
    while scorer.warm_up.encoded < len(TEXTS):  # noqa: ASYNC110 (nobody is told)
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=door.url, headers=HEADERS) as client:
        answer = await client.post(path, json=search)
    figures = scorer.figures()
    await app.close()
    assert figures["known_texts"] == len(TEXTS), "the search has read other texts than the write"
    return answer


async def test_chroma_documents(chroma_doors, scorer):
    def write(door: Address) -> str:
        client = chromadb.HttpClient(host=door.host, port=door.port)
        made = client.create_collection("warm", embedding_function=None)
        made.add(ids=["a", "b", "c"], documents=TEXTS, embeddings=VECTORS)
        return f"{BASE}/{made.id}/query"

    search = {"query_embeddings": [[0.0, 1.0]], "n_results": 3}
    answer = await search_after(write, search, "chroma", chroma_doors.direct, scorer)
    chromadb.HttpClient(host=chroma_doors.direct.host, port=chroma_doors.direct.port).delete_collection(
        "warm"
    )
    assert answer.headers["x-midrank-scored"] == "3/3"


async def test_qdrant_points(qdrant_doors, scorer):
    def write(door: Address) -> str:
        client = QdrantClient(url=door.url, check_compatibility=False)
        client.create_collection("warm", models.VectorParams(size=2, distance=models.Distance.DOT))
        points = [
            models.PointStruct(id=place, vector=vector, payload={"page_content": text, "place": place})
            for place, (vector, text) in enumerate(zip(VECTORS, TEXTS, strict=True))
        ]
        client.upsert("warm", points[:1])
        client.upsert(
            "warm", models.Batch(ids=[1, 2], vectors=VECTORS[1:], payloads=[p.payload for p in points[1:]])
        )
        client.close()
        return "/collections/warm/points/query"

    search = {"query": [0.0, 1.0], "limit": 3}
    answer = await search_after(write, search, "qdrant", qdrant_doors.direct, scorer)
    assert answer.headers["x-midrank-scored"] == "3/3"
