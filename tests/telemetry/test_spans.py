"""Spans and metrics: names, the caller's trace, and nothing of what users typed."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from proxy.errors import UPSTREAM_UNREACHABLE, Unanswerable
from proxy.figures import MODEL_FIGURES
from proxy.model import Attempt, Outcome, Reason, Verdict, WireResponse
from proxy.names import CollectionNames
from proxy.pipeline import Pipeline
from proxy.policy import Policy, Rule
from proxy.scoring.ranker import Ranker
from proxy.scoring.traced import Traced
from proxy.telemetry import Telemetry, verdict_attributes
from proxy.telemetry.names import RERANKER_MODEL
from proxy.telemetry.telemetry import Manner
from tests.fakes.odd_scorers import AllNaN, Crashing, Halfway, Reversing
from tests.fakes.toy_codec import NO_HEADERS, ToyCodec, ToyStore, toy_request

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CALLER = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("baggage", "tenant=acme"), ("tracestate", "a=b")]


class Recorded:
    """Telemetry that stays in memory."""

    def __init__(self, **manner):
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider(metric_readers=[self.reader])
        self.telemetry = Telemetry(
            self.provider.get_tracer("t"), self.meters.get_meter("t"), manner=Manner(**manner)
        )

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


async def search(recorded, scorer, *, query="secret words", headers=CALLER, store=None, **policy):
    store = store or ToyStore()
    await scorer.start()
    ranker = Ranker(Traced(scorer, recorded.telemetry))
    policy = Policy.model_validate(
        {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://toys:6000"}],
            "rules": [{"budget_ms": 30_000}],  # a machine that stands still for a moment is not tested here
            **policy,
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
    assert set(spans) == {"midrank.fetch", "midrank.rank"}
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
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/toys/search",
        "url.scheme": "http",
    }


async def test_the_call_to_the_store_speaks_the_database_conventions(recorded):
    await search(recorded, Reversing())

    assert dict(recorded.spans()["midrank.fetch"].attributes) == {
        "openinference.span.kind": "RETRIEVER",
        "db.system.name": "toys",
        "db.operation.name": "search",
        "db.collection.name": "toys",
        "db.response.status_code": "200",
        "server.address": "toys",
        "server.port": 6000,
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


async def test_a_store_s_own_failure_is_an_error_of_both_spans(recorded):
    await search(recorded, Reversing(), store=ToyStore(answer=WireResponse(503, NO_HEADERS, b"")))

    spans = recorded.spans()
    for name in ("midrank.fetch", "midrank.exchange"):
        assert spans[name].attributes["error.type"] == "503"
        assert spans[name].status.status_code is StatusCode.ERROR
    assert spans["midrank.exchange"].attributes["midrank.reason"] == "store_error"


GOLDEN = {
    "midrank.exchange": {
        "midrank.store",
        "midrank.outcome",
        "midrank.scored",
        "midrank.candidates",
        "openinference.span.kind",
        "http.request.method",
        "http.response.status_code",
        "url.path",
        "url.scheme",
    },
    "midrank.rank": {
        "midrank.source",
        "midrank.window",
        "midrank.budget_ms",
        "midrank.outcome",
        "midrank.scored",
        "midrank.candidates",
        "openinference.span.kind",
        "reranker.model_name",
        "reranker.top_k",
        "reranker.input_documents",
        "reranker.output_documents",
    },
    "midrank.model": {"reranker.model_name", "midrank.candidates", "midrank.scored"},
}
FELL_BACK = {"midrank.reason"}


def keys(span):
    """The names of a span's attributes, those of its documents as one."""
    return {
        key.partition("_documents.")[0] + "_documents" * ("_documents." in key) for key in span.attributes
    }


@pytest.mark.parametrize(
    ("scorer", "exchange", "rank", "model"),
    [
        (Reversing, set(), set(), set()),
        (Halfway, {"midrank.reason"}, {"midrank.reason"}, set()),
        (Crashing, FELL_BACK, {*FELL_BACK, "error.type"}, {"error.type"}),
        (AllNaN, FELL_BACK, {*FELL_BACK, "error.type"}, set()),
    ],
)
async def test_every_outcome_has_its_attributes_and_no_others(recorded, scorer, exchange, rank, model):
    await search(recorded, scorer())

    spans = recorded.spans()
    assert keys(spans["midrank.exchange"]) == GOLDEN["midrank.exchange"] | exchange
    assert keys(spans["midrank.rank"]) == GOLDEN["midrank.rank"] | rank
    scored = set() if "error.type" in model else {"midrank.scored"}
    assert keys(spans["midrank.model"]) == GOLDEN["midrank.model"] - {"midrank.scored"} | scored | model


TEXT = {"telemetry": {"text": True}}


async def test_a_policy_may_have_spans_hold_texts(recorded):
    await search(recorded, Reversing(), **TEXT)

    spans = recorded.spans()
    assert spans["midrank.exchange"].attributes["input.value"] == "secret words"
    assert spans["midrank.fetch"].attributes["input.value"] == "secret words"
    rank = spans["midrank.rank"].attributes
    assert rank["reranker.query"] == rank["input.value"] == "secret words"
    assert rank["reranker.input_documents.0.document.content"] == "row 0"
    assert rank["reranker.output_documents.9.document.content"] == "row 40"
    assert "reranker.output_documents.10.document.content" not in rank
    assert len(rank) < 128, "more are dropped in silence"


async def test_long_texts_are_cut(recorded):
    await search(recorded, Reversing(), query="w" * 5000, **TEXT)

    assert len(recorded.spans()["midrank.rank"].attributes["reranker.query"]) == 1024


@pytest.mark.parametrize(
    ("manner", "hidden", "shown"),
    [
        ({"hide_inputs": True}, ("secret words", "row 0"), "row 49"),
        ({"hide_outputs": True}, ("row 49",), "secret words"),
    ],
)
async def test_openinference_s_variables_hide_texts_whatever_the_policy_says(manner, hidden, shown):
    recorded = Recorded(**manner)
    await search(recorded, Reversing(), **TEXT)

    values = [value for span in recorded.spans().values() for value in span.attributes.values()]
    recorded.provider.shutdown()
    recorded.meters.shutdown()
    assert shown in values
    assert not set(hidden) & {value for value in values if isinstance(value, str)}


async def test_the_names_of_the_genai_conventions_come_for_who_opts_in():
    recorded = Recorded(gen_ai=True)
    await search(recorded, Reversing())

    spans = recorded.spans()
    recorded.provider.shutdown()
    recorded.meters.shutdown()
    assert {key: value for key, value in spans["midrank.rank"].attributes.items() if "gen_ai" in key} == {
        "gen_ai.operation.name": "rerank",
        "gen_ai.request.model": "reversing",
        "gen_ai.rerank.top_n": 10,
        "gen_ai.rerank.candidate.count": 50,
    }
    assert spans["midrank.fetch"].attributes["gen_ai.data_source.id"] == "toys"
    assert spans["midrank.fetch"].attributes["gen_ai.request.top_k"] == 50


async def test_a_caller_s_trace_may_be_left_alone():
    recorded = Recorded(traceparent=False)
    store = await search(recorded, Reversing())

    exchange = recorded.spans()["midrank.exchange"]
    recorded.provider.shutdown()
    recorded.meters.shutdown()
    assert exchange.parent is None
    assert store.asked[0].headers["traceparent"] == CALLER[0][1], "as it came"


async def test_every_step_of_a_search_is_timed(recorded):
    await search(recorded, Reversing())

    points = recorded.points("midrank.exchange.stage")
    assert [point.attributes["midrank.stage"] for point in points] == [
        "decode",
        "store",
        "read",
        "rank",
        "encode",
    ]
    assert [point.count for point in points] == [1] * 5
    (model,) = recorded.points("midrank.model.duration")
    assert dict(model.attributes) == {"reranker.model_name": "reversing"}


async def test_what_took_more_than_its_budget_is_told(recorded):
    recorded.telemetry.measures.search("docs", Verdict(Outcome.RERANKED), added=0.3, budget=0.25)
    recorded.telemetry.measures.search("docs", Verdict(Outcome.RERANKED), added=0.2, budget=0.25)

    (point,) = recorded.points("midrank.budget.overshoot")
    assert (point.count, round(point.sum, 6)) == (1, 0.05)


async def test_how_deep_searches_are_read_is_counted(recorded):
    await search(recorded, Halfway())

    depth = {
        point.attributes["midrank.kind"]: point.value for point in recorded.points("midrank.rank.candidates")
    }
    assert depth == {"scored": 25, "unscored": 25}


def test_odd_methods_are_one_label(recorded):
    recorded.telemetry.measures.request("docs", "BREW", 200, 0.1, claimed=False)
    recorded.telemetry.measures.request("docs", "POST", "broken_off", 0.1, claimed=True)

    assert [dict(point.attributes) for point in recorded.points("http.server.request.duration")] == [
        {
            "midrank.store": "docs",
            "http.request.method": "_OTHER",
            "http.response.status_code": 200,
            "midrank.claimed": False,
        },
        {
            "midrank.store": "docs",
            "http.request.method": "POST",
            "error.type": "broken_off",
            "midrank.claimed": True,
        },
    ]


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


def test_the_models_that_were_tried_are_an_attribute():
    tried = (Attempt("jina", Reason.RATE_LIMITED), Attempt("local"))

    attributes = verdict_attributes(Verdict(Outcome.RERANKED, attempts=tried))

    assert attributes["midrank.attempts"] == ("jina;rate_limited", "local")
    assert "midrank.attempts" not in verdict_attributes(Verdict(Outcome.RERANKED, attempts=tried[1:]))
