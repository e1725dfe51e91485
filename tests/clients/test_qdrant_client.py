"""The qdrant-client over REST, sync and async, against the Qdrant stand-in."""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

import httpx
import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, context_headers
from qdrant_client import models as m

from tests.clients.doors import WINDOW, open_doors, outcome
from tests.fakes.corpus import SIZE, embed

pytestmark = pytest.mark.store

NAME = "passages"
QUESTION = "the router's handshake times out"
VECTOR = embed(QUESTION)
KITCHEN = m.Filter(must=[m.FieldCondition(key="topic", match=m.MatchValue(value="kitchen"))])

# What a nearest search can be asked for; the limit is left to the test.
ASKED = {
    "default payload": {},
    "payload true": {"with_payload": True},
    "payload false": {"with_payload": False},
    "payload list": {"with_payload": ["topic", "number"]},
    "payload list with the text": {"with_payload": ["topic", "text"]},
    "payload include": {"with_payload": m.PayloadSelectorInclude(include=["nested.deep", "weight"])},
    "payload exclude": {"with_payload": m.PayloadSelectorExclude(exclude=["number"])},
    "payload exclude the text": {"with_payload": m.PayloadSelectorExclude(exclude=["text", "nested"])},
    "vectors": {"with_vectors": True},
    "vectors without payload": {"with_vectors": True, "with_payload": False},
    "filter": {"query_filter": KITCHEN},
    "score threshold": {"score_threshold": 0.1},
    "exact": {"search_params": m.SearchParams(exact=True)},
}

# Searches whose order is their own point, and reads that are no searches: midrank leaves them alone.
LEFT_ALONE = {
    "mmr": lambda client: client.query_points(
        NAME, query=m.NearestQuery(nearest=VECTOR, mmr=m.Mmr(diversity=0.7)), limit=5
    ),
    "order by": lambda client: client.query_points(NAME, query=m.OrderByQuery(order_by="number"), limit=5),
    "recommend": lambda client: client.query_points(
        NAME, query=m.RecommendQuery(recommend=m.RecommendInput(positive=[2, 4])), limit=5
    ),
    "no query": lambda client: client.query_points(NAME, limit=5),
    "groups": lambda client: client.query_points_groups(NAME, "topic", query=VECTOR, limit=3, group_size=2),
    "batch": lambda client: client.query_batch_points(
        NAME, [m.QueryRequest(query=VECTOR, limit=5), m.QueryRequest(query=embed("onion"), limit=3)]
    ),
    "scroll": lambda client: client.scroll(NAME, limit=5),
    "retrieve": lambda client: client.retrieve(NAME, [2, 4]),
    "count": lambda client: client.count(NAME),
    "collection": lambda client: client.get_collection(NAME),
}

REFUSED = {
    "missing collection": lambda client: client.query_points("nowhere", query=VECTOR),
    "dimension": lambda client: client.query_points(NAME, query=[0.5, 0.5]),
    "limit zero": lambda client: client.query_points(NAME, query=VECTOR, limit=0),
    "unknown vector": lambda client: client.query_points(NAME, query=VECTOR, using="nothing"),
}


def point(passage):
    payload = {"text": passage.text, "nothing": None, "nested": {"deep": passage.serial}, **passage.metadata}
    return m.PointStruct(
        id=passage.uuid if passage.number % 2 else passage.number,
        vector=embed(passage.text),
        payload=payload,
    )


@pytest.fixture(scope="module", autouse=True)
def collection(qdrant_doors, corpus):
    client = connect(qdrant_doors.direct)
    client.create_collection(NAME, m.VectorParams(size=SIZE, distance=m.Distance.DOT))
    client.upsert(NAME, [point(passage) for passage in corpus])
    yield
    client.delete_collection(NAME)


@cache
def connect(address, **options):
    # The version check runs in a thread of its own and may outlive the server; it has a test below.
    return QdrantClient(url=address.url, check_compatibility=False, **options)


def ask(address, limit, **asked):
    return connect(address).query_points(NAME, query=VECTOR, limit=limit, **asked).points


@pytest.mark.parametrize("door", ["off", "unmoved"])
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("limit", [5, 100])
def test_without_a_change_of_order_midrank_is_invisible(qdrant_doors, asking, door, asked, limit):
    with asking(QUESTION):
        through = ask(getattr(qdrant_doors, door), limit, **asked)

    assert through == ask(qdrant_doors.direct, limit, **asked)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("limit", [1, WINDOW])
def test_a_page_holds_the_reranked_window_and_no_field_more(qdrant_doors, asking, asked, limit):
    direct = ask(qdrant_doors.direct, WINDOW, **asked)

    with asking(QUESTION):
        page = ask(qdrant_doors.reversing, limit, **asked)

    assert page == direct[::-1][:limit]


@pytest.mark.parametrize("call", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_calls_whose_order_is_their_point_are_left_alone(qdrant_doors, asking, call):
    with asking(QUESTION):
        through = call(connect(qdrant_doors.reversing))

    assert through == call(connect(qdrant_doors.direct))


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_a_refusal_raises_the_same_exception_as_without_midrank(qdrant_doors, asking, call):
    with asking(QUESTION):
        kind, words = outcome(lambda: call(connect(qdrant_doors.reversing)))

    direct_kind, direct_words = outcome(lambda: call(connect(qdrant_doors.direct)))
    assert kind is direct_kind
    assert words.partition("time")[0] == direct_words.partition("time")[0]


def test_the_text_can_travel_in_the_clients_own_context_header(qdrant_doors):
    direct = ask(qdrant_doors.direct, WINDOW)

    with context_headers.headers({"x-midrank-query": quote("où est le routeur ?")}):
        page = ask(qdrant_doors.reversing, 5)

    assert page == direct[::-1][:5]


def test_without_a_query_text_answers_are_the_stores_own(qdrant_doors):
    assert ask(qdrant_doors.reversing, 5) == ask(qdrant_doors.direct, 5)


def test_the_text_of_a_document_query_is_read_from_the_request(qdrant_doors):
    def ask_in_words(address, limit):
        client = connect(address, cloud_inference=True)
        return client.query_points(NAME, query=m.Document(text=QUESTION, model="words"), limit=limit).points

    direct = ask_in_words(qdrant_doors.direct, WINDOW)

    assert ask_in_words(qdrant_doors.reversing, 5) == direct[::-1][:5]


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_pages_are_cut_from_one_reranked_window_and_go_on_with_the_stores_rows(qdrant_doors, asking, size):
    direct = ask(qdrant_doors.direct, 100)

    with asking(QUESTION):
        pages = [ask(qdrant_doors.reversing, size, offset=offset) for offset in range(0, 40, size)]

    listed = [hit for page in pages for hit in page]
    assert listed == (direct[:WINDOW][::-1] + direct[WINDOW:])[: len(listed)]
    assert all(len(page) == size for page in pages)


def test_a_page_above_the_window_goes_on_with_the_stores_own_rows(qdrant_doors, asking):
    direct = ask(qdrant_doors.direct, 30)

    with asking(QUESTION):
        page = ask(qdrant_doors.reversing, 30)

    assert page == direct[:WINDOW][::-1] + direct[WINDOW:]


def test_more_than_the_collection_has_gives_the_whole_collection(qdrant_doors, asking, corpus):
    with asking(QUESTION):
        page = ask(qdrant_doors.reversing, 1000)

    assert len(page) == len(corpus)
    assert {hit.payload["number"] for hit in page} == {passage.number for passage in corpus}


@pytest.mark.parametrize(
    "fusion",
    [m.FusionQuery(fusion=m.Fusion.RRF), m.FusionQuery(fusion=m.Fusion.DBSF), m.RrfQuery(rrf=m.Rrf(k=3))],
    ids=["rrf", "dbsf", "rrf with k"],
)
def test_a_fused_page_is_chosen_from_all_that_its_legs_hand_on(qdrant_doors, asking, fusion):
    """The window holds all that the legs hand on; every hit on the page is one of that pool."""

    def ask_both(address, limit, leg_limit):
        legs = [
            m.Prefetch(query=embed(words), limit=leg_limit) for words in ("router socket", "disk journal")
        ]
        return connect(address).query_points(NAME, prefetch=legs, query=fusion, limit=limit).points

    pool = {hit.id: hit for hit in ask_both(qdrant_doors.direct, 100, 60)}
    with asking(QUESTION):
        page = ask_both(qdrant_doors.reversing, 5, 5)

    assert len(page) == 5
    assert all(hit.payload == pool[hit.id].payload for hit in page)
    assert [hit.id for hit in page] != [hit.id for hit in ask_both(qdrant_doors.direct, 5, 5)]


def test_a_refused_window_is_given_up_and_the_stores_cap_is_learnt(qdrant_doors, asking, corpus):
    """Strict mode allows 8 rows: midrank answers the original search at first, later a window of 8."""
    client = connect(qdrant_doors.direct)
    strict = m.StrictModeConfig(enabled=True, max_query_limit=8)
    vectors = m.VectorParams(size=SIZE, distance=m.Distance.DOT)
    client.create_collection("strict", vectors, strict_mode_config=strict)
    client.upsert("strict", [point(passage) for passage in corpus])

    def ask_strict(address, limit):
        return connect(address).query_points("strict", query=VECTOR, limit=limit).points

    direct = ask_strict(qdrant_doors.direct, 8)
    with asking(QUESTION):
        first, second = (ask_strict(qdrant_doors.reversing, 3) for _ in range(2))

    assert first in (direct[:3], direct[::-1][:3])
    assert second == direct[::-1][:3]
    client.delete_collection("strict")


def test_a_batch_is_reranked_where_the_policy_allows_it(qdrant_doors, asking):
    searches = [
        m.QueryRequest(query=VECTOR, with_payload=["topic"], limit=4),
        m.QueryRequest(query=embed("onion butter"), with_payload=False, limit=2),
        m.QueryRequest(query=m.OrderByQuery(order_by="number"), limit=3),
    ]
    wide = [search.model_copy(update={"limit": WINDOW}) for search in searches[:2]]
    direct = connect(qdrant_doors.direct)
    windows = [reply.points for reply in direct.query_batch_points(NAME, wide)]
    ordered = direct.query_batch_points(NAME, searches)[2].points

    with open_doors("qdrant", qdrant_doors.direct, batch=True) as doors, asking(QUESTION):
        pages = [reply.points for reply in connect(doors.reversing).query_batch_points(NAME, searches)]

    assert pages == [windows[0][::-1][:4], windows[1][::-1][:2], ordered]


async def test_the_async_client_sees_the_same(qdrant_doors, asking):
    async def ask_async(address, limit, **asked):
        client = AsyncQdrantClient(url=address.url, check_compatibility=False)
        try:
            return (await client.query_points(NAME, query=VECTOR, limit=limit, **asked)).points
        finally:
            await client.close()

    for asked in ASKED.values():
        direct = await ask_async(qdrant_doors.direct, WINDOW, **asked)
        with asking(QUESTION):
            off = await ask_async(qdrant_doors.off, WINDOW, **asked)
            page = await ask_async(qdrant_doors.reversing, 5, **asked)

        assert off == direct
        assert page == direct[::-1][:5]


def test_the_version_that_clients_check_is_the_stores_own(qdrant_doors):
    assert httpx.get(qdrant_doors.reversing.url).json() == httpx.get(qdrant_doors.direct.url).json()


def test_writing_and_deleting_pass_through(qdrant_doors):
    client = connect(qdrant_doors.reversing)
    client.create_collection("notes", m.VectorParams(size=2, distance=m.Distance.DOT))
    client.upsert("notes", [m.PointStruct(id=2**64 - 1, vector=[1.0, 0.0], payload={"text": "first"})])

    assert client.query_points("notes", query=[1.0, 0.0]).points[0].id == 2**64 - 1

    client.delete("notes", m.PointIdsList(points=[2**64 - 1]))
    assert client.count("notes").count == 0
    client.delete_collection("notes")
