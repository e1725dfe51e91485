"""What a policy says and what a caller may tighten, seen through unmodified clients."""

from __future__ import annotations

import chromadb
import httpx
import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m

from proxy.policy import Policy
from tests.clients.doors import WINDOW, outcome
from tests.fakes.corpus import SIZE, embed
from tests.fakes.odd_scorers import Reversing, TermOverlap
from tests.fakes.running import running
from tests.fakes.servers import qdrant_server

pytestmark = pytest.mark.store

QUESTION = "pepper in the broth"
WINDOWED = {"candidates": {"min": WINDOW, "max": WINDOW}, "budget_ms": 5000}


@pytest.fixture(scope="module")
def front(chroma_doors, qdrant_doors):
    """Give a function that runs midrank in front of one store, with the rules and store keys given."""

    def policy(doors, rules, **store):
        kind = "chroma" if doors is chroma_doors else "qdrant"
        one = {"kind": kind, "name": "door", "listen": "127.0.0.1:0", "upstream": doors.direct.url, **store}
        return Policy.model_validate({"stores": [one], "rules": rules})

    return lambda doors, rules, scorer, **store: running(policy(doors, rules, **store), {"default": scorer})


@pytest.fixture(scope="module", autouse=True)
def collections(chroma_doors, qdrant_doors, corpus):
    chroma = chromadb.HttpClient(host=chroma_doors.direct.host, port=chroma_doors.direct.port)
    for name in ("loud-notes", "quiet-notes"):
        chroma.create_collection(name, embedding_function=None).add(
            ids=[passage.id for passage in corpus],
            embeddings=[embed(passage.text) for passage in corpus],
            documents=[passage.text for passage in corpus],
            metadatas=[passage.metadata for passage in corpus],
        )
    qdrant = connect_qdrant(qdrant_doors.direct)
    qdrant.create_collection("loud-notes", m.VectorParams(size=SIZE, distance=m.Distance.DOT))
    qdrant.upsert(
        "loud-notes",
        [m.PointStruct(id=one.number, vector=embed(one.text), payload={"text": one.text}) for one in corpus],
    )
    yield
    for name in ("loud-notes", "quiet-notes"):
        chroma.delete_collection(name)
    qdrant.delete_collection("loud-notes")


def connect_qdrant(address, **options):
    return QdrantClient(url=address.url, check_compatibility=False, **options)


def ask_chroma(address, n_results=5, name="loud-notes", headers=None):
    client = chromadb.HttpClient(host=address.host, port=address.port, headers=headers)
    found = client.get_collection(name, embedding_function=None)
    return found.query(query_embeddings=[embed(QUESTION)], n_results=n_results)


def ask_qdrant(address, limit=5):
    return connect_qdrant(address).query_points("loud-notes", query=embed(QUESTION), limit=limit).points


def test_rules_know_chromas_collections_by_name(front, chroma_doors, asking):
    """Searches hold a collection's id only; midrank has learnt the name from the client's own look-up."""
    rules = [{"match": {"collection": "quiet-*"}, "mode": "off"}, WINDOWED]

    with front(chroma_doors, rules, Reversing()) as addresses, asking(QUESTION):
        loud = ask_chroma(addresses["door"], name="loud-notes")
        quiet = ask_chroma(addresses["door"], name="quiet-notes")

    assert loud["ids"][0] == ask_chroma(chroma_doors.direct, WINDOW)["ids"][0][::-1][:5]
    assert quiet == ask_chroma(chroma_doors.direct, name="quiet-notes")


def test_a_collection_that_nobody_looked_up_is_asked_for(front, chroma_doors):
    """An id that a client kept from before midrank was there: midrank asks the store for the name, once."""
    base = "/api/v2/tenants/default_tenant/databases/default_database/collections"
    known = httpx.get(f"{chroma_doors.direct.url}{base}/quiet-notes").json()["id"]
    search = {"url": f"{base}/{known}/query", "json": {"query_embeddings": [embed(QUESTION)], "n_results": 5}}
    rules = [{"match": {"collection": "quiet-*"}, "mode": "off"}, WINDOWED]

    with (
        front(chroma_doors, rules, Reversing()) as addresses,
        httpx.Client(base_url=addresses["door"].url) as client,
    ):
        answer = client.post(**search, headers={"x-midrank-query": "pepper"})

    assert answer.headers["x-midrank-reason"] == "mode_off"
    assert answer.json()["ids"] == ask_chroma(chroma_doors.direct, name="quiet-notes")["ids"]


def test_a_collection_without_a_rule_is_left_alone(front, chroma_doors, asking):
    with (
        front(chroma_doors, [{"match": {"collection": "other"}}], Reversing()) as addresses,
        asking(QUESTION),
    ):
        assert ask_chroma(addresses["door"]) == ask_chroma(chroma_doors.direct)


def test_a_caller_can_switch_reranking_off(front, chroma_doors, asking):
    with front(chroma_doors, [WINDOWED], Reversing()) as addresses, asking(QUESTION):
        through = ask_chroma(addresses["door"], headers={"x-midrank-mode": "off"})

    assert through == ask_chroma(chroma_doors.direct)


def test_a_caller_cannot_switch_reranking_on(front, chroma_doors, asking):
    rules = [{**WINDOWED, "mode": "off"}]

    with front(chroma_doors, rules, Reversing()) as addresses, asking(QUESTION):
        through = ask_chroma(addresses["door"], headers={"x-midrank-mode": "on"})

    assert through == ask_chroma(chroma_doors.direct)


def test_shadow_mode_ranks_but_answers_the_stores_order(front, chroma_doors, asking):
    scorer = Reversing()

    with front(chroma_doors, [{**WINDOWED, "mode": "shadow"}], scorer) as addresses, asking(QUESTION):
        through = ask_chroma(addresses["door"])
        again = ask_chroma(addresses["door"])

    assert through == again == ask_chroma(chroma_doors.direct)
    assert [job.query for job in scorer.jobs][:1] == [QUESTION]


def test_the_text_is_read_where_the_policy_says(front, chroma_doors, asking):
    """The question names a topic, which stands in the metadata only."""
    text = {"loud-*": {"fields": ["metadata.topic"]}}

    with front(chroma_doors, [WINDOWED], TermOverlap(), text=text) as addresses, asking("music"):
        page = ask_chroma(addresses["door"])

    window = ask_chroma(chroma_doors.direct, WINDOW)
    topics = dict(zip(window["ids"][0], [one["topic"] for one in window["metadatas"][0]], strict=True))
    musical = [name for name, topic in topics.items() if topic == "music"]
    others = [name for name, topic in topics.items() if topic != "music"]
    assert page["ids"][0] == (musical + others)[:5]


def test_replaced_scores_fall_along_the_page(front, chroma_doors, qdrant_doors, asking):
    """Clients that sort by score keep the new order: distances rise in Chroma, scores fall in Qdrant."""
    rules = [{**WINDOWED, "scores": "replace"}]
    direct = ask_chroma(chroma_doors.direct, WINDOW), ask_qdrant(qdrant_doors.direct, WINDOW)

    with front(chroma_doors, rules, Reversing()) as addresses, asking(QUESTION):
        page = ask_chroma(addresses["door"])
    with front(qdrant_doors, rules, Reversing()) as addresses, asking(QUESTION):
        points = ask_qdrant(addresses["door"])

    assert page["ids"][0] == direct[0]["ids"][0][::-1][:5]
    assert page["distances"][0] == sorted(page["distances"][0])
    assert len(set(page["distances"][0])) == 5
    assert [point.id for point in points] == [point.id for point in direct[1]][::-1][:5]
    scores = [point.score for point in points]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 5


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection:UserWarning")
def test_credentials_are_the_stores_business(front, asking):
    with qdrant_server("--api-key", "secret") as store:
        one = {"kind": "qdrant", "name": "door", "listen": "127.0.0.1:0", "upstream": store.url}
        policy = Policy.model_validate({"stores": [one], "rules": [WINDOWED]})
        with running(policy, {"default": Reversing()}) as addresses, asking(QUESTION):
            right = connect_qdrant(addresses["door"], api_key="secret")
            right.create_collection("locked", m.VectorParams(size=2, distance=m.Distance.DOT))
            texts = [m.PointStruct(id=n, vector=[n, 1], payload={"text": "a text"}) for n in range(9)]
            right.upsert("locked", texts)

            found = right.query_points("locked", query=[1, 0], limit=3).points
            refused = [
                outcome(
                    lambda door=door: connect_qdrant(door, api_key="wrong").query_points("locked", [1, 0])
                )
                for door in (addresses["door"], store)
            ]

    assert [point.id for point in found] == [0, 1, 2]
    assert refused[0][0] is refused[1][0]
    assert "401" in refused[0][1]
