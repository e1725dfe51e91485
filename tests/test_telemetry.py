"""Spans and metrics: names, the caller's trace, and nothing of what users typed."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from proxy.errors import UPSTREAM_UNREACHABLE, BadConfig, Unanswerable
from proxy.figures import MODEL_FIGURES
from proxy.model import Attempt, Outcome, Reason, Verdict
from proxy.names import CollectionNames
from proxy.pipeline import Pipeline
from proxy.policy import Policy, Rule
from proxy.scoring.ranker import Ranker
from proxy.scoring.traced import Traced
from proxy.telemetry import RERANKER_MODEL, Telemetry, telemetry_from_environment, verdict_attributes
from tests.fakes.odd_scorers import Crashing, Reversing
from tests.fakes.toy_codec import ToyCodec, ToyStore, toy_request

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CALLER = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("baggage", "tenant=acme"), ("tracestate", "a=b")]


class Recorded:
    """Telemetry that stays in memory."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider(metric_readers=[self.reader])
        self.telemetry = Telemetry(self.provider.get_tracer("t"), self.meters.get_meter("t"))

    def spans(self):
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def points(self, name):
        return [
            point
            for resource in self.reader.get_metrics_data().resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def gauge(self, name):
        return {point.attributes["reranker.model_name"]: point.value for point in self.points(name)}


@pytest.fixture
def recorded():
    recorded = Recorded()
    yield recorded
    recorded.provider.shutdown()
    recorded.meters.shutdown()


async def search(recorded, scorer, *, query="secret words", headers=CALLER, store=None):
    store = store or ToyStore()
    await scorer.start()
    ranker = Ranker(Traced(scorer, recorded.telemetry))
    policy = Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://toys"}],
            "rules": [{"budget_ms": 30_000}],  # a machine that stands still for a moment is not tested here
        }
    )
    pipeline = Pipeline(
        store="chroma",
        policy=policy,
        codec=ToyCodec(),
        names=CollectionNames(None, store.fetch),
        fetch=store.fetch,
        rankers={Rule().scoring: ranker},
        telemetry=recorded.telemetry,
    )
    await pipeline.run(toy_request((10, 0, query), headers=headers))
    await ranker.close()
    return store


async def test_an_exchange_is_one_tree_of_spans(recorded):
    await search(recorded, Reversing())

    spans = recorded.spans()
    exchange, model = spans.pop("midrank.exchange"), spans.pop("midrank.model")
    assert set(spans) == {"midrank.decode", "midrank.fetch", "midrank.rank"}
    assert model.parent.span_id == spans["midrank.rank"].context.span_id
    assert {span.parent.span_id for span in spans.values()} == {exchange.context.span_id}
    assert exchange.kind is SpanKind.SERVER
    assert spans["midrank.fetch"].kind is SpanKind.CLIENT
    assert dict(exchange.attributes) == {
        "midrank.store": "chroma",
        "openinference.span.kind": "CHAIN",
        "midrank.outcome": "reranked",
        "midrank.scored": 50,
        "midrank.candidates": 50,
    }


async def test_the_rank_span_speaks_openinference(recorded):
    await search(recorded, Reversing())

    attributes = dict(recorded.spans()["midrank.rank"].attributes)
    assert attributes["openinference.span.kind"] == "RERANKER"
    assert attributes["reranker.model_name"] == "reversing"
    assert attributes["reranker.top_k"] == 10
    assert attributes["reranker.input_documents.0.document.id"] == "0"
    assert attributes["reranker.output_documents.0.document.id"] == "49"
    assert attributes["midrank.source"] == "request"
    assert len(attributes) < 128, "more are dropped in silence"


async def test_the_caller_s_trace_goes_on_to_the_store(recorded):
    store = await search(recorded, Reversing())

    fetch = recorded.spans()["midrank.fetch"]
    assert f"{fetch.context.trace_id:032x}" == TRACE
    assert f"{recorded.spans()['midrank.exchange'].parent.span_id:016x}" == PARENT
    sent = store.asked[0].headers
    assert sent["traceparent"] == f"00-{TRACE}-{fetch.context.span_id:016x}-01"
    assert (sent["baggage"], sent["tracestate"]) == ("tenant=acme", "a=b")


async def test_an_unsampled_trace_stays_unsampled(recorded):
    store = await search(recorded, Reversing(), headers=[("traceparent", f"00-{TRACE}-{PARENT}-00")])

    assert recorded.spans() == {}
    assert store.asked[0].headers["traceparent"].endswith("-00")


async def test_a_fallback_is_an_error_of_the_ranking_and_not_of_the_exchange(recorded):
    await search(recorded, Crashing())

    spans = recorded.spans()
    assert spans["midrank.rank"].attributes["error.type"] == "scorer_error"
    assert spans["midrank.rank"].status.status_code is StatusCode.ERROR
    assert spans["midrank.exchange"].status.status_code is StatusCode.UNSET
    assert spans["midrank.exchange"].attributes["midrank.reason"] == "scorer_error"


async def test_a_store_that_gives_no_answer_is_an_error_of_the_exchange(recorded):
    gone = ToyStore(answer=Unanswerable(UPSTREAM_UNREACHABLE, "refused"))
    with pytest.raises(Unanswerable):
        await search(recorded, Reversing(), store=gone)

    span = recorded.spans()["midrank.exchange"]
    assert (span.attributes["error.type"], span.status.status_code) == (
        "upstream_unreachable",
        StatusCode.ERROR,
    )
    (point,) = recorded.points("midrank.rank.outcomes")
    assert point.attributes["midrank.reason"] == "store_error"


async def test_nothing_that_users_wrote_is_recorded(recorded):
    await search(recorded, Crashing(), headers=[*CALLER, ("authorization", "secret token")])

    everything = repr(
        [
            (span.name, dict(span.attributes), span.events, span.status.description)
            for span in recorded.spans().values()
        ]
    )
    assert "secret" not in everything
    assert "fell over" not in everything, "the message of an exception may quote anything"
    assert "row 1" not in everything


async def test_outcomes_are_counted_by_the_same_words(recorded):
    await search(recorded, Reversing())
    await search(recorded, Crashing())

    counted = {
        (point.attributes["midrank.outcome"], point.attributes.get("midrank.reason")): point.value
        for point in recorded.points("midrank.rank.outcomes")
    }
    assert counted == {("reranked", None): 1, ("fallback", "scorer_error"): 1}
    assert sum(point.count for point in recorded.points("midrank.exchange.added")) == 2


async def test_what_models_tell_is_exported_by_model(recorded):
    recorded.telemetry.watch(
        MODEL_FIGURES,
        (RERANKER_MODEL,),
        lambda: {("good",): {"load": 0.5, "waiting": 3}, ("fast",): {"load": 0.1}},
    )

    assert recorded.gauge("midrank.model.load") == {"good": 0.5, "fast": 0.1}
    assert recorded.gauge("midrank.model.waiting") == {"good": 3}


async def test_figures_of_one_metric_are_told_apart_by_their_kind(recorded):
    recorded.telemetry.watch(
        MODEL_FIGURES, (RERANKER_MODEL,), lambda: {("good",): {"cache_hits": 3, "cache_misses": 1}}
    )

    points = recorded.points("midrank.cache.searches")
    assert {point.attributes["midrank.kind"]: point.value for point in points} == {"exact": 3, "miss": 1}


def test_without_telemetry_headers_stay_the_very_same():
    headers = CIMultiDictProxy(CIMultiDict(CALLER))

    assert Telemetry().carrying(headers) is headers


def test_without_a_variable_there_is_no_tracing():
    session = telemetry_from_environment({})

    assert session.telemetry.span("x") is session.telemetry.span("y")
    session.close()


def test_the_sdk_can_be_switched_off():
    environment = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}

    assert telemetry_from_environment(environment).telemetry.span("x") is Telemetry().span("x")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: 'zipkin' - otlp, console or none"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' - http/protobuf",
        ),
    ],
)
def test_exporters_that_are_not_built_in_are_refused_clearly(environment, complaint):
    with pytest.raises(BadConfig, match=complaint):
        telemetry_from_environment(environment)


async def test_spans_reach_a_collector(monkeypatch):
    """Over real HTTP, in OTLP's own protobuf, under the names that the standard variables give."""
    received = asyncio.Queue()

    async def collect(request):
        await received.put(await request.read())
        return web.Response()

    runner = web.ServerRunner(web.Server(collect))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    session = await asyncio.to_thread(telemetry_from_environment)
    with session.telemetry.span("midrank.exchange"):
        pass
    await asyncio.to_thread(session.close)

    request = ExportTraceServiceRequest.FromString(await asyncio.wait_for(received.get(), 10))
    await runner.cleanup()
    (resource,) = request.resource_spans
    attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert attributes["service.name"] == "shop"
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["midrank.exchange"]


def test_the_models_that_were_tried_are_an_attribute():
    tried = (Attempt("jina", Reason.RATE_LIMITED), Attempt("local"))

    attributes = verdict_attributes(Verdict(Outcome.RERANKED, attempts=tried))

    assert attributes["midrank.attempts"] == ("jina;rate_limited", "local")
    assert "midrank.attempts" not in verdict_attributes(Verdict(Outcome.RERANKED, attempts=tried[1:]))
