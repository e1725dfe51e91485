"""Many searches at once, and a scorer that dies among them, in front of a real Chroma server."""

from __future__ import annotations

import asyncio
from collections import Counter

import chromadb
import httpx
import pytest

from tests.clients.doors import WINDOW, single_door
from tests.fakes.corpus import embed, passages
from tests.fakes.odd_scorers import FAULTY, DiesAfter, TermOverlap
from tests.fakes.running import running
from tests.fakes.servers import chroma_server

pytestmark = pytest.mark.store

NAME = "many"
COUNT = 200
RULE = {"candidates": {"min": WINDOW, "max": WINDOW}, "budget_ms": 10_000}


@pytest.fixture(scope="module")
def store():
    """Run a Chroma server with `COUNT` passages, each of which holds one word of its own."""
    with chroma_server() as address:
        client = chromadb.HttpClient(host=address.host, port=address.port)
        corpus = passages(COUNT)
        client.create_collection(NAME, embedding_function=None).add(
            ids=[passage.id for passage in corpus],
            embeddings=[embed(passage.text) for passage in corpus],
            documents=[passage.text for passage in corpus],
        )
        yield address


@pytest.fixture(scope="module")
def windows(store):
    """Give the store's own first `WINDOW` ids for every passage's vector."""
    client = chromadb.HttpClient(host=store.host, port=store.port)
    collection = client.get_collection(NAME, embedding_function=None)
    vectors = [embed(passage.text) for passage in passages(COUNT)]
    return collection.query(query_embeddings=vectors, n_results=WINDOW)["ids"]


def last_of(window):
    """Name the window's last passage by its own word, and give the order that this query must get."""
    number = int(window[-1].removeprefix("passage-"))
    return passages(COUNT)[number].serial, [window[-1], *window[:-1]]


async def test_two_hundred_searches_at_once_each_get_their_own_ranking(store, windows, asking):
    """Query i names the passage that the store puts last in window i: only its own text brings that up."""

    async def ask(collection, number):
        word, _ = last_of(windows[number])
        with asking(f"what is known of {word}?"):
            found = await collection.query(
                query_embeddings=[embed(passages(COUNT)[number].text)], n_results=5
            )
        return found["ids"][0]

    with running(single_door("chroma", store, **RULE), {"default": TermOverlap()}) as addresses:
        client = await chromadb.AsyncHttpClient(host=addresses["door"].host, port=addresses["door"].port)
        collection = await client.get_collection(NAME, embedding_function=None)
        answers = await asyncio.gather(*(ask(collection, number) for number in range(COUNT)))

    assert answers == [last_of(window)[1][:5] for window in windows]


async def test_a_scorer_that_dies_costs_no_request(store, windows):
    """Forty searches are ranked, then the scorer raises for ever: all others get the store's own order."""
    scorer = DiesAfter(calls=40)

    async def ask(client, path, number):
        answer = await client.post(
            path,
            json={"query_embeddings": [embed(passages(COUNT)[number].text)], "n_results": 5},
            headers={"x-midrank-query": last_of(windows[number])[0]},
        )
        return answer, number

    with running(single_door("chroma", store, **RULE), {"default": scorer}) as addresses:
        async with httpx.AsyncClient(base_url=addresses["door"].url) as client:
            path = await query_path(client)
            answers = await asyncio.gather(*(ask(client, path, number) for number in range(120)))

    assert {answer.status_code for answer, _ in answers} == {200}
    assert Counter(answer.headers["x-midrank"] for answer, _ in answers) == {"reranked": 40, "fallback": 80}
    for answer, number in answers:
        reranked = answer.headers["x-midrank"] == "reranked"
        order = last_of(windows[number])[1] if reranked else windows[number]
        assert answer.json()["ids"] == [order[:5]]
        reason = answer.headers.get("x-midrank-reason")
        # After a while of that it is left alone.
        assert reason in ({None} if reranked else {"scorer_error", "breaker_open"})


@pytest.mark.parametrize("fault", FAULTY, ids=lambda fault: fault().name)
async def test_whatever_a_scorer_does_the_store_answers(store, windows, fault):
    with running(
        single_door("chroma", store, **RULE | {"budget_ms": 1000}), {"default": fault()}
    ) as addresses:
        async with httpx.AsyncClient(base_url=addresses["door"].url) as client:
            answer = await client.post(
                await query_path(client),
                json={"query_embeddings": [embed(passages(COUNT)[7].text)], "n_results": 5},
                headers={"x-midrank-query": "any words"},
            )

    assert answer.status_code == 200
    assert answer.json()["ids"] == [windows[7][:5]]
    assert answer.headers["x-midrank"] == "fallback"
    assert answer.headers["x-midrank-reason"] in REASONS


# What a broken scorer may be called; each word is a metric label.
REASONS = {"late", "scorer_error", "bad_scores", "overloaded", "warming"}


async def query_path(client):
    """Ask for the collection's id, as every Chroma client does before it searches."""
    base = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    return f"{base}/{(await client.get(f'{base}/{NAME}')).json()['id']}/query"
