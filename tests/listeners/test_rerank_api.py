"""The rerank API over sockets: every dialect, every outcome, and what is refused."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from proxy.app import App
from proxy.errors import BadConfig
from proxy.listeners.http_connection import HttpLimits
from proxy.listeners.rerank_api import RerankApiListener
from proxy.model import Reason, WireRequest
from proxy.policy import Policy
from proxy.policy_rerank_api import RerankApi
from proxy.pulse import Pulse
from proxy.rerank_api.gate import Gate
from proxy.rerank_api.service import NAME, RerankService
from proxy.rerank_api.tei import TeiDialect
from proxy.scopes import Scopes
from proxy.scoring.ranker import Ranker
from proxy.telemetry import Telemetry
from tests.fakes.odd_scorers import FAULTY, Crashing, FormulaScorer, Halfway, Hanging, Refusing, TermOverlap

QUERY = "blue whales eat krill"
DOCUMENTS = ["the road is closed", "whales eat krill", "blue paint", "blue whales eat krill daily"]
# Of `DOCUMENTS` by the number of the query's words that they hold.
ORDER = [3, 1, 2, 0]
PATHS = ("/v1/rerank", "/v2/rerank", "/rerank")


@asynccontextmanager
async def api(scorer=None, *, telemetry=None, **settings):
    """Run a rerank API over `scorer`; gives what posts to it."""
    policy = Policy.model_validate({"rerank_api": {"listen": "127.0.0.1:0", **settings}})
    app = App(policy, scorers={"default": scorer or TermOverlap()}, telemetry=telemetry)
    await app.start()
    if (scorer or TermOverlap()).name != "never_ready":
        await app.loaded()
    host, port = app.rerank_api_address
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:

        async def ask(path, method="POST", headers=(), **body):
            sent = {"json": {"query": QUERY, "documents": DOCUMENTS, "texts": DOCUMENTS, **body}}
            async with session.request(
                method, path, headers=dict(headers), **(sent if method == "POST" else {})
            ) as answer:
                return answer.status, answer.headers, await answer.json()

        ask.session = session
        try:
            yield ask
        finally:
            await app.close()


def rows(path, answer):
    """Give the places and the scores of an answer."""
    if path == "/rerank":
        return [row["index"] for row in answer], [row["score"] for row in answer]
    results = answer["results"]
    return [row["index"] for row in results], [row["relevance_score"] for row in results]


@pytest.mark.parametrize("path", PATHS)
async def test_documents_are_answered_best_first(path):
    async with api() as ask:
        status, headers, answer = await ask(path)

    order, scores = rows(path, answer)
    assert (status, order) == (200, ORDER)
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert headers["x-midrank"] == "reranked"
    assert headers["x-midrank-scored"] == "4/4"
    assert headers["server-timing"].startswith("midrank;dur=")


@pytest.mark.parametrize("path", PATHS[:2])
async def test_only_the_best_are_answered_where_fewer_are_wanted(path):
    async with api() as ask:
        assert rows(path, (await ask(path, top_n=2))[2])[0] == ORDER[:2]
        assert rows(path, (await ask(path, top_n=99))[2])[0] == ORDER


async def test_a_single_document_has_a_score_too():
    async with api() as ask:
        _, headers, answer = await ask("/rerank", texts=["blue"], raw_scores=True)

    assert answer == [{"index": 0, "score": 1.0}]
    assert headers["x-midrank"] == "reranked"


async def test_logits_become_relevances_and_raw_scores_stay():
    class Logits(TermOverlap):
        def formula(self, job):
            return super().formula(job) * 4 - 8

    models = {"default": {"kind": "cross_encoder_onnx", "model": "none"}}
    policy = Policy.model_validate({"models": models, "rerank_api": {"listen": "127.0.0.1:0"}})
    app = App(policy, scorers={"default": Logits("default")})
    await app.start()
    await app.loaded()
    host, port = app.rerank_api_address
    scores = []
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        for raw in (False, True):
            sent = {"query": QUERY, "texts": DOCUMENTS, "raw_scores": raw}
            async with session.post("/rerank", json=sent) as answer:
                scores.append(rows("/rerank", await answer.json())[1])
    await app.close()

    assert scores[1] == [8, 4, -4, -8]
    assert scores[0] == pytest.approx([0.99966, 0.98201, 0.01799, 0.00034], abs=1e-5)


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_not_scored_in_time_keeps_its_place(path):
    async with api(Halfway()) as ask:
        status, headers, answer = await ask(path)

    order, scores = rows(path, answer)
    assert (status, order) == (200, [1, 0, 2, 3])
    assert scores == sorted(scores, reverse=True)
    assert (headers["x-midrank"], headers["x-midrank-reason"]) == ("partial", "late")
    assert headers["x-midrank-scored"] == "2/4"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", FAULTY)
async def test_without_scores_the_order_of_the_input_is_answered(path, make):
    async with api(make(), budget_ms=60) as ask:
        status, headers, answer = await ask(path)

    assert (status, rows(path, answer)) == (200, ([0, 1, 2, 3], [0.0] * 4))
    assert headers["x-midrank"] == "fallback"
    assert Reason(headers["x-midrank-reason"])


@pytest.mark.parametrize("path", PATHS)
async def test_without_scores_an_error_is_answered_where_the_policy_wants_one(path):
    async with api(Refusing(reason=Reason.OVERLOADED), on_trouble="error") as ask:
        status, headers, answer = await ask(path)

    assert status == 503
    assert (headers["x-midrank"], headers["x-midrank-reason"]) == ("fallback", "overloaded")
    assert answer["error" if path == "/rerank" else "message"] == "not ranked: overloaded"
    assert path != "/rerank" or answer["error_type"] == "Unhealthy"


async def test_what_the_caller_switches_off_is_no_trouble():
    async with api(on_trouble="error") as ask:
        status, headers, answer = await ask("/rerank", headers={"x-midrank-mode": "off"})

    assert (status, rows("/rerank", answer)[0]) == (200, [0, 1, 2, 3])
    assert (headers["x-midrank"], headers["x-midrank-reason"]) == ("passed", "mode_off")


@pytest.mark.parametrize(
    "header", [{"x-midrank-budget-ms": "0"}, {"x-request-timeout-ms": "4"}, {"grpc-timeout": "1m"}]
)
async def test_a_caller_may_ask_for_less_time(header):
    async with api() as ask:
        _, headers, _ = await ask("/v2/rerank", headers=header)

    assert headers["x-midrank-reason"] == "no_budget"


async def test_a_scorer_that_hangs_keeps_nobody_beyond_the_budget():
    async with api(Hanging(), budget_ms=50) as ask, asyncio.timeout(5):
        status, headers, _ = await ask("/v2/rerank")

    assert (status, headers["x-midrank-reason"]) == (200, "late")


async def test_scores_are_used_again_unless_the_caller_minds():
    scorer = TermOverlap(identity="words")
    async with api(scorer) as ask:
        told = [
            (await ask(path, headers=headers))[1]["x-midrank"]
            for path, headers in (
                ("/v1/rerank", {}),
                ("/v2/rerank", {"authorization": "Bearer other"}),
                ("/rerank", {"x-midrank-cache": "off"}),
            )
        ]

    assert told == ["reranked", "cached", "reranked"]
    assert len(scorer.jobs) == 2


async def test_scoped_scores_are_used_again_by_the_same_caller_alone():
    async with api(TermOverlap(identity="words"), cache={"exact": "scoped"}) as ask:
        told = [
            (await ask("/v2/rerank", headers={"authorization": f"Bearer {who}"}))[1]["x-midrank"]
            for who in ("me", "you", "me")
        ]

    assert told == ["reranked", "reranked", "cached"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "credential", [None, "Bearer wrong", "Bearer", "Basic secret-key", "secret-key", "Bearer \xff"]
)
async def test_without_the_key_nothing_is_ranked(path, credential):
    scorer = TermOverlap()
    async with api(scorer, api_key="secret-key") as ask:
        headers = {} if credential is None else {"authorization": credential}
        status, told, answer = await ask(path, headers=headers)

    assert (status, told["www-authenticate"]) == (401, "Bearer")
    assert "secret-key" not in str(answer)
    assert scorer.jobs == []


async def test_with_the_key_everything_is():
    async with api(api_key="secret-key") as ask:
        for credential in ("Bearer secret-key", "bearer  secret-key "):
            assert (await ask("/v2/rerank", headers={"authorization": credential}))[0] == 200
        assert (await ask("/health", method="GET"))[0] == 200
        assert (await ask("/openapi.json", method="GET"))[0] == 200


@pytest.mark.parametrize("path", PATHS)
async def test_more_documents_than_the_policy_allows_are_refused(path):
    async with api(max_documents=3) as ask:
        status, _, answer = await ask(path)
        taken, _, _ = await ask(path, documents=DOCUMENTS[:3], texts=DOCUMENTS[:3])

    assert (status, taken) == (422 if path == "/rerank" else 400, 200)
    assert "4 documents are more than 3" in str(answer)


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_that_is_none_is_told_so(path):
    async with api() as ask:
        status, headers, answer = await ask(path, query=None)

    assert status == (422 if path == "/rerank" else 400)
    assert answer["error" if path == "/rerank" else "message"].startswith("query: ")
    assert headers["content-type"] == "application/json"


async def test_bodies_are_bounded_and_come_as_they_are():
    async with api() as ask, ask.session.post("/v2/rerank", data=BytesIO(b" " * (8 * 2**20 + 1))) as answer:
        assert (answer.status, (await answer.json())["message"]) == (413, "the body is too large")
    async with api() as ask:
        status, _, _ = await ask("/v2/rerank", headers={"content-encoding": "gzip"})
        assert status == 415
        assert (await ask("/v2/rerank", headers={"expect": "100-continue"}))[0] == 200


async def test_other_paths_and_methods_are_told_what_there_is():
    async with api() as ask:
        status, _, answer = await ask("/v3/rerank")
        assert (status, "/v2/rerank" in answer["message"]) == (404, True)
        for path, method, allowed in (("/v2/rerank", "GET", "POST"), ("/health", "DELETE", "GET, HEAD")):
            status, headers, _ = await ask(path, method=method)
            assert (status, headers["allow"]) == (405, allowed)
        async with ask.session.head("/health") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        assert (await ask("/health", method="GET"))[2] == {"status": "ready"}


@pytest.mark.parametrize(("scorer", "word"), [("never_ready", "warming"), ("broken", "failed")])
async def test_it_is_healthy_once_a_model_is_ready(scorer, word):
    class Broken(FormulaScorer):
        async def start(self):
            raise MemoryError

    made = next(make() for make in FAULTY if make().name == scorer) if scorer == "never_ready" else Broken()
    async with api(made) as ask:
        await asyncio.sleep(0)
        status, _, answer = await ask("/health", method="GET")

    assert (status, answer) == (503, {"status": word})


async def test_a_failure_of_ours_is_a_fallback(caplog, monkeypatch):
    async with api(Crashing()) as ask:
        # What no scorer can cause: something outside of the ranker fails.
        monkeypatch.setattr("proxy.rerank_api.service.inherited", None)
        _, headers, _ = await ask("/v2/rerank")

    assert headers["x-midrank-reason"] == "internal_error"
    assert "rerank request failed" in caplog.messages


async def test_its_spans_are_those_of_a_search_without_a_store():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    async with api(telemetry=Telemetry(provider.get_tracer("test"))) as ask:
        await ask("/v2/rerank", headers=caller)
        await ask("/v2/rerank", query=0)

    spans = {span.name: span for span in exporter.get_finished_spans()[:3]}
    assert set(spans) == {"midrank.exchange", "midrank.rank", "midrank.model"}
    assert spans["midrank.exchange"].attributes["midrank.store"] == "rerank_api"
    assert spans["midrank.exchange"].attributes["midrank.outcome"] == "reranked"
    assert f"{spans['midrank.exchange'].context.trace_id:032x}" == caller["traceparent"][3:35]
    assert spans["midrank.rank"].attributes["reranker.output_documents.0.document.id"] == "3"
    assert QUERY not in str([span.to_json() for span in exporter.get_finished_spans()])
    assert exporter.get_finished_spans()[-1].attributes["error.type"] == "bad_request"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://elsewhere/health HTTP/1.1", 200),
        (b"GET /health?of=it HTTP/1.0", 200),
        (b"GET /%68ealth HTTP/1.1", 200),
        (b"GET //health HTTP/1.1", 404),
        (b"GET /health/ HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 501),
        (b"CONNECT elsewhere:80 HTTP/1.1", 501),
        (b"GET /health HTTP/2.0", 505),
        (b"TRACE /rerank HTTP/1.1", 405),
        (b"GET /\xff HTTP/1.1", 400),
        (b"nonsense", 400),
    ],
)
async def test_odd_targets_are_answered_too(head, status):
    async with api() as ask:
        url = ask.session._base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Expect: foo", 417),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n0", 501),
        (b"Upgrade: websocket\r\nConnection: Upgrade", 501),
        (b"Connection: authorization", 400),
    ],
)
async def test_what_a_second_parser_may_read_differently_is_refused_unread(rest, status):
    """As at the stores' listeners, and nothing that follows on the connection is a request."""
    scorer = TermOverlap()
    async with api(scorer) as ask, asyncio.timeout(5):
        url = ask.session._base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /v2/rerank HTTP/1.1\r\nHost: x\r\n" + rest + b"\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert scorer.jobs == []


async def test_a_large_body_is_read_while_others_are_answered():
    """It is read in a thread: what makes the loop wait is no more than one step of that."""
    threads = set()

    class Watched(TeiDialect):
        def decode(self, fields, most):
            threads.add(threading.current_thread())
            return super().decode(fields, most)

    policy = Policy.model_validate({"rerank_api": {"listen": "127.0.0.1:0"}})
    service = RerankService(
        policy.rerank_api,
        Ranker(TermOverlap()),
        scales={},
        scopes=Scopes(NAME, policy.cache, b""),
        telemetry=Telemetry(),
        pulse=Pulse(),
    )
    for size in (1, 300_000):
        sent = json.dumps({"query": QUERY, "texts": ["x" * size]}).encode()
        request = WireRequest("POST", "/rerank", CIMultiDictProxy(CIMultiDict()), sent)
        assert (await service.run([Watched()], request)).status == 200

    assert len(threads - {threading.main_thread()}) == 1
    assert threading.main_thread() in threads


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        ({"default": "open", "other": "failed"}, 200, "ready"),
        ({"default": "half_open", "other": "warming"}, 200, "ready"),
        ({"default": "ready", "other": "failed"}, 200, "ready"),
        ({"default": "failed", "other": "warming"}, 503, "warming"),
        ({"default": "failed", "other": "failed"}, 503, "failed"),
    ],
)
def test_a_model_that_is_left_alone_makes_it_no_less_healthy(states, status, word):
    gate = Gate(RerankApi(listen="127.0.0.1:0", rerank=["default", "other"]), lambda: states | {"x": "ready"})
    answer = gate.unread("GET", "/health", {})

    assert (answer.status, json.loads(answer.body)) == (status, {"status": word})


async def test_an_address_in_use_is_a_clear_mistake():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        policy = Policy.model_validate({"rerank_api": {"listen": f"127.0.0.1:{port}"}})

        with pytest.raises(BadConfig, match=f"rerank_api.listen: 127.0.0.1:{port} - a free address"):
            await App(policy, scorers={"default": TermOverlap()}).start()


async def test_a_caller_that_hangs_up_stops_the_ranking():
    scorer = Waiting()
    async with api(scorer, budget_ms=60_000) as ask:
        asking = asyncio.create_task(ask("/rerank"))
        await scorer.begun.wait()
        asking.cancel()
        async with asyncio.timeout(5):
            await scorer.cancelled.wait()


class Waiting(FormulaScorer):
    """Scores until it is cancelled."""

    def __init__(self):
        super().__init__("waiting")
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def score(self, job):
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def test_a_client_that_stops_sending_is_let_go():
    class Never:
        def unread(self, method, path, headers):
            return None

    listener = RerankApiListener("127.0.0.1:0", Never(), None, limits=HttpLimits(body_timeout=0.05))
    await listener.start()
    reader, writer = await asyncio.open_connection(*listener.address)
    writer.write(b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")

    async with asyncio.timeout(5):
        answer = await reader.read()

    writer.close()
    await listener.close(0)
    assert answer.startswith(b"HTTP/1.1 408 ")
