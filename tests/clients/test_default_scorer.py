"""The built-in reranker, with nothing replaced: real weights, a real Chroma server, the unmodified client."""

from __future__ import annotations

import asyncio

import chromadb
import httpx
import pytest

from proxy.app import App
from proxy.policy import LateInteractionModel
from proxy.scorers import build_scorer
from tests.clients.doors import single_door
from tests.fakes.running import running
from tests.fakes.servers import Address

pytestmark = [pytest.mark.store, pytest.mark.model]

BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"

# The store's order is that of the vectors below: it says nothing about the questions.
DOCUMENTS = {
    "oven": "Preheat the oven and bake the bread until the crust is golden brown.",
    "snow": "The mountain pass is closed in winter because of snow and falling rocks.",
    "bill": "Your monthly bill is sent by mail and can be paid by bank transfer.",
    "whale": "Blue whales feed on krill and are the largest animals that ever lived.",
    "password": "If you cannot sign in, request a link by mail to choose a new password.",
    "violin": "A violin is tuned in fifths, starting with the string A.",
}
QUESTIONS = {
    "How do I reset my login credentials?": "password",
    "Which creature is the biggest on earth?": "whale",
    "When is the road over the hills not usable?": "snow",
}


@pytest.fixture(scope="module")
def door(chroma_doors):
    client = chromadb.HttpClient(host=chroma_doors.direct.host, port=chroma_doors.direct.port)
    made = client.create_collection("plain-words", embedding_function=None)
    made.add(
        ids=list(DOCUMENTS),
        documents=list(DOCUMENTS.values()),
        embeddings=[[float(place), 1.0] for place in range(len(DOCUMENTS))],
    )
    with running(single_door("chroma", chroma_doors.direct, budget_ms=10_000), warm=True) as addresses:
        yield addresses["door"]
    client.delete_collection("plain-words")


@pytest.mark.parametrize(("question", "answer"), QUESTIONS.items())
def test_the_document_that_answers_the_question_comes_first(door, asking, question, answer):
    client = chromadb.HttpClient(host=door.host, port=door.port)
    collection = client.get_collection("plain-words", embedding_function=None)

    with asking(question):
        page = collection.query(query_embeddings=[[0.0, 1.0]], n_results=2, include=["distances"])

    assert page["ids"][0][0] == answer
    assert page["documents"] is None
    assert page["distances"][0][0] == list(DOCUMENTS).index(answer) ** 2


@pytest.fixture
def scorer():
    """Build it outside of the event loop, as `midrank run` does: it counts the CPUs."""
    return build_scorer("default", LateInteractionModel(kind="late_interaction"))


async def test_a_model_that_is_closed_under_load_costs_no_request(chroma_doors, door, scorer):
    """The searches that it was at work on, and all later ones, get the store's own order."""
    app = App(single_door("chroma", chroma_doors.direct, budget_ms=2000), scorers={"default": scorer})
    await app.start()
    await app.loaded()
    async with httpx.AsyncClient(base_url=Address(*app.addresses["door"]).url) as client:
        path = f"{BASE}/{(await client.get(f'{BASE}/plain-words')).json()['id']}/query"
        asked = [_ask(client, path, f"question {number} about the bill") for number in range(60)]
        answers = []
        for next_answer in asyncio.as_completed(asked):
            answers.append(await next_answer)
            if len(answers) == 10:
                await scorer.close()
    await app.close()

    assert [answer.status_code for answer in answers] == [200] * 60
    for answer in answers:
        reranked = answer.headers["x-midrank"] == "reranked"
        assert reranked or answer.json()["ids"] == [list(DOCUMENTS)[:2]]
    assert answers[0].headers["x-midrank"] == "reranked"
    assert answers[-1].headers["x-midrank"] == "fallback"


def test_a_second_search_gives_the_same_ranking(door):
    async def ask_again(*headers):
        async with httpx.AsyncClient(base_url=door.url) as client:
            path = f"{BASE}/{(await client.get(f'{BASE}/plain-words')).json()['id']}/query"
            return [await _ask(client, path, "When must the bill be paid?", **extra) for extra in headers]

    answers = asyncio.run(ask_again({}, {}, {"x-midrank-cache": "off"}))

    assert [answer.headers["x-midrank"] for answer in answers] == ["reranked", "cached", "reranked"]
    assert [answer.headers["x-midrank-scored"] for answer in answers] == ["6/6"] * 3
    assert [answer.headers.get("x-midrank-cached") for answer in answers] == [None, "6/6", None]
    assert answers[0].json() == answers[1].json() == answers[2].json()


async def _ask(client, path, text, **headers):
    body = {"query_embeddings": [[0.0, 1.0]], "n_results": 2}
    headers["x-midrank-query"] = text.replace(" ", "%20")
    return await client.post(path, json=body, headers=headers)
