"""A store is asked as an application would, and what midrank says of its answer is told."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from urllib.parse import unquote

import numpy as np
import orjson
import pytest
from aiohttp import web

from proxy.evaluation.asking import Asker, Reply, make_session
from proxy.evaluation.doors import ChromaDoor, QdrantDoor, database_path
from proxy.evaluation.embedded_store import EmbeddedStore
from proxy.evaluation.passes import Question, ask_all, calmed, settled
from proxy.evaluation.results import FAILED
from tests.fakes.corpus import embed, passages

pytestmark = pytest.mark.wire

CORPUS = {one.id: one.text for one in passages(30)}
VECTORS = np.array([embed(text) for text in CORPUS.values()], np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
DOOR = ChromaDoor(database_path(), "an-id")
PAGE = {"ids": [["b", "a"]], "metadatas": [[{"doc": "B"}, {"doc": 7}]]}


@asynccontextmanager
async def asker_of(answer, door=DOOR, headers=None, *, midrank=True, **limits):
    """Give a client of a server that answers every request by a function."""
    at = socket.create_server(("127.0.0.1", 0))
    server = web.ServerRunner(web.Server(answer, **limits))
    await server.setup()
    await web.SockSite(server, at).start()
    try:
        async with make_session() as session:
            yield Asker(
                session, f"http://127.0.0.1:{at.getsockname()[1]}", door, headers or {}, midrank=midrank
            )
    finally:
        await server.cleanup()


async def asked(body, status=200, headers=None, door=DOOR):
    """Return what comes of a question that is answered like this."""

    async def answer(_request):
        return web.Response(status=status, body=body, headers=headers)

    async with asker_of(answer, door) as asker:
        return await asker.ask("why?", [1.0], 2)


async def test_an_answer_of_the_store_itself_took_all_the_time():
    reply = await asked(orjson.dumps(PAGE))

    assert reply == Reply(("b", "a"), reply.total, reply.total, 0.0)
    assert reply.total > 0


async def test_what_midrank_says_is_told():
    headers = {
        "x-midrank": "partial",
        "x-midrank-reason": "late",
        "x-midrank-scored": "12/50",
        "server-timing": "midrank;dur=150.25, store;dur=2.50",
    }
    reply = await asked(orjson.dumps(PAGE), headers=headers)

    assert reply[2:] == (0.0025, 0.15025, "partial", "late", 12, 50, 0)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{}", 503, "status 503"),
        (b"no JSON", 200, "not an answer of the store"),
        (b"[]", 200, "not an answer of the store"),
        (b'{"ids":[]}', 200, "not an answer of the store"),
        (b'{"ids":null}', 200, "not an answer of the store"),
    ],
)
async def test_a_question_that_fails_is_told_by_its_reply(body, status, reason):
    reply = await asked(body, status)

    assert (reply.ids, reply.outcome, reply.reason) == ((), FAILED, reason)


async def test_nobody_there_is_a_failure_too():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        async with make_session() as session:
            asker = Asker(session, f"http://127.0.0.1:{held.getsockname()[1]}", DOOR, {})
            assert (await asker.ask("why?", [1.0], 2)).reason == "no connection"


async def test_the_text_and_the_callers_headers_are_sent_along():
    seen = []

    async def answer(request):
        seen.append((request.path, dict(request.headers), orjson.loads(await request.read())))
        return web.Response(body=orjson.dumps(PAGE))

    async with asker_of(answer, headers={"x-chroma-token": "t"}) as asker:
        await asker.ask("warum nicht? é\n", [0.5, 1], 3)

    ((path, headers, body),) = seen
    assert path == "/api/v2/tenants/default_tenant/databases/default_database/collections/an-id/query"
    assert headers["x-midrank-query"] == "warum%20nicht%3F%20%C3%A9%0A"
    assert (headers["x-midrank-cache"], headers["x-chroma-token"]) == ("off", "t")
    assert body == {"query_embeddings": [[0.5, 1]], "n_results": 3, "include": ["documents", "distances"]}


async def test_what_is_for_midrank_is_not_sent_to_a_store():
    """A long question is more than most servers take in a header."""
    seen = []

    async def answer(request):
        seen.append([name for name in request.headers if name.lower().startswith("x-midrank")])
        return web.Response(body=orjson.dumps(PAGE))

    async with asker_of(answer, midrank=False) as asker:
        assert (await asker.ask("why? " * 5000, [0.5, 1], 3)).outcome == ""

    assert seen == [[]]


async def test_a_text_in_any_script_fits_into_a_header():
    seen = []

    async def answer(request):
        seen.append(request.headers["x-midrank-query"])
        return web.Response(body=orjson.dumps(PAGE))

    async with asker_of(answer, max_field_size=32 * 1024) as asker:
        await asker.ask("你" * 10_000, [0.5, 1], 3)

    assert unquote(seen[0], errors="strict") == "你" * 2730


async def test_ids_may_stand_in_metadata_or_payload():
    chroma = ChromaDoor(database_path(), "an-id", id_field="doc")
    qdrant = QdrantDoor("my docs", id_field="doc", vector_name="dense")
    points = {"result": {"points": [{"id": 1, "payload": {"doc": "B"}}, {"id": 2, "payload": {"doc": 7}}]}}

    assert chroma.ids(orjson.dumps(PAGE)) == qdrant.ids(orjson.dumps(points)) == ["B", "7"]
    assert QdrantDoor("my docs").ids(orjson.dumps(points)) == ["1", "2"]
    assert "metadatas" in orjson.loads(chroma.question([1.0], 2))["include"]
    assert orjson.loads(qdrant.question([1.0], 2))["using"] == "dense"
    assert qdrant.path == "/collections/my%20docs/points/query"


async def test_a_row_without_its_documents_id_keeps_its_place():
    page = PAGE | {"metadatas": [[{"doc": "B"}, {"other": 1}]]}
    points = [
        {"id": 1, "payload": None},
        {"id": 2, "payload": {"doc": None}},
        {"id": 3, "payload": {"doc": 7}},
    ]

    some = await asked(orjson.dumps(page), door=ChromaDoor("", "x", id_field="doc"))
    none = await asked(
        orjson.dumps({"result": {"points": points}}), door=QdrantDoor("my docs", id_field="doc")
    )

    assert (some.ids, some.outcome, some.nameless) == (("B", "(a: no doc)"), "", 1)
    assert (none.ids, none.nameless) == (("(1: no doc)", "(2: no doc)", "7"), 2)
    assert {type(one) for one in some.ids} == {str}


async def test_an_index_of_our_own_is_exact():
    store = EmbeddedStore("mine", CORPUS, VECTORS)
    at = socket.create_server(("127.0.0.1", 0))
    async with make_session() as session, store.serving(at) as door:
        url = f"http://127.0.0.1:{at.getsockname()[1]}"
        for rows in (1, 7, 30, 100):
            query = embed("onion butter")
            reply = await Asker(session, url, door, {}).ask("why?", query, rows)
            similar = VECTORS @ np.array(query, np.float32)
            assert (
                list(reply.ids)
                == [list(CORPUS)[place] for place in np.argsort(-similar, kind="stable")][:rows]
            )
        async with session.get(f"{url}{database_path()}/collections") as answer:
            assert [one["name"] for one in await answer.json()] == ["mine"]
        async with session.get(f"{url}/elsewhere") as answer:
            assert answer.status == 404


class Noting:
    """Writes down who is asked what."""

    def __init__(self, name, log):
        self._name = name
        self._log = log

    async def ask(self, text, vector, rows):
        self._log.append((text, self._name))
        return Reply((text,), 0.0, 0.0, 0.0)


async def test_arms_take_turns_in_being_the_first():
    log, told = [], []
    arms = [Noting(name, log) for name in "abc"]
    questions = [Question(str(number), ()) for number in range(3)]

    replies = await ask_all(arms, questions, 10, advance=told.append)

    assert ["".join(name for text, name in log if text == number) for number in "012"] == [
        "abc",
        "cba",
        "abc",
    ]
    assert [[reply.ids[0] for reply in some] for some in replies] == [["0", "1", "2"]] * 3
    assert sum(told) == 3


async def test_midrank_is_waited_for_until_it_has_read_everything():
    waiting = [5, 2, 0]

    async def answer(_request):
        figures = {"warm_up_waiting": waiting.pop(0)}
        return web.Response(body=orjson.dumps({"models": {"a": {"figures": figures}, "b": {"figures": {}}}}))

    at = socket.create_server(("127.0.0.1", 0))
    server = web.ServerRunner(web.Server(answer))
    await server.setup()
    await web.SockSite(server, at).start()
    async with make_session() as session:
        await settled(session, [f"http://127.0.0.1:{at.getsockname()[1]}"])
    await server.cleanup()

    assert waiting == []


async def test_midrank_is_asked_without_a_text_until_it_is_no_longer_late():
    reasons, seen = ["no_budget", "no_budget", "no_query_text"], []

    async def answer(request):
        seen.append((request.headers.get("x-midrank-query"), request.headers["x-midrank-budget-ms"]))
        headers = {"x-midrank": "passed", "x-midrank-reason": reasons.pop(0)}
        return web.Response(body=orjson.dumps(PAGE), headers=headers)

    async with asker_of(answer) as asker:
        await calmed([asker], Question("why?", [1.0]))

    assert reasons == []
    assert seen == [(None, "10")] * 3
