"""What arrives at a collector: real sockets, the official messages, over HTTP and over gRPC."""

from __future__ import annotations

import asyncio
import logging

import pytest

from proxy.logs import log_to_stderr
from proxy.telemetry import telemetry_from_environment
from tests.fakes.odd_scorers import Crashing, Reversing
from tests.fakes.servers import nobody_listening
from tests.telemetry.serving import CALLER, PARENT, TRACE, served


class Silent(asyncio.Protocol):
    """A store that closes every connection."""

    def connection_made(self, transport):
        transport.close()


def exported(collector, protocol):
    endpoint = collector.grpc if protocol == "grpc" else collector.http
    return {"EXPORTER_OTLP_PROTOCOL": protocol, "EXPORTER_OTLP_ENDPOINT": endpoint}


@pytest.fixture(params=["http/protobuf", "grpc"])
def told(request, collector, variables):
    """A collector that everything goes to."""
    variables(**exported(collector, request.param), LOGS_EXPORTER="otlp", SERVICE_NAME="shop")
    yield collector
    assert set(collector.posts) == {request.param.partition("/")[0]}


async def test_a_search_is_a_tree_of_spans_in_the_caller_s_trace(told):
    async with served(Reversing()) as midrank:
        await midrank.search(**CALLER)

    spans = {span["name"]: span for span in told.spans()}
    assert set(spans) == {"midrank.exchange", "midrank.fetch", "midrank.rank", "midrank.model"}
    assert {span["trace_id"] for span in spans.values()} == {TRACE}
    exchange = spans["midrank.exchange"]
    assert exchange["parent"] == PARENT
    assert spans["midrank.fetch"]["parent"] == spans["midrank.rank"]["parent"] == exchange["span_id"]
    assert spans["midrank.model"]["parent"] == spans["midrank.rank"]["span_id"]
    assert exchange["attributes"]["midrank.outcome"] == "reranked"
    assert spans["midrank.rank"]["attributes"]["openinference.span.kind"] == "RERANKER"
    assert spans["midrank.fetch"]["attributes"]["db.system.name"] == "chroma"
    assert all(span["events"] == 0 for span in spans.values())
    (resource,) = {str(resource): resource for resource in told.resources()}.values()
    assert (resource["service.name"], resource["telemetry.sdk.language"]) == ("shop", "python")
    assert resource["service.instance.id"]


async def test_metrics_are_the_same_as_those_that_prometheus_reads(told):
    async with served(Reversing()) as midrank:
        await midrank.search()
        text, _ = await midrank.scrape()

    metrics = told.metrics()
    assert {
        "midrank.rank.outcomes",
        "midrank.exchange.added",
        "midrank.exchange.stage",
        "midrank.model.duration",
        "midrank.model.ready",
        "midrank.loop.lag",
        "midrank.connections",
        "midrank.build",
        "http.server.request.duration",
        "process.cpu.time",
    } <= set(metrics)
    read = text.decode()
    missing = [name for name in metrics if name.replace(".", "_") not in read]
    assert [name for name in missing if not name.startswith("otel.")] == []
    (point,) = metrics["http.server.request.duration"]["histogram"]["dataPoints"]
    assert point["count"] == "1"
    assert "exemplars" in metrics["midrank.exchange.added"]["histogram"]["dataPoints"][0]


async def test_a_fallback_s_line_is_in_its_span(told):
    logging.getLogger().setLevel(logging.INFO)
    async with served(Crashing()) as midrank:
        await midrank.search(**CALLER)

    (line,) = (line for line in told.logs() if line["body"] == "search fell back")
    (exchange,) = (span for span in told.spans() if span["name"] == "midrank.exchange")
    assert (line["trace_id"], line["span_id"]) == (TRACE, exchange["span_id"])
    assert line["attributes"]["reason"] == "scorer_error"
    assert (exchange["status"], line["severity"]) == (0, "WARNING")


async def test_nothing_is_lost_of_many_searches(told):
    async with served(Reversing()) as midrank:
        for _ in range(20):
            await asyncio.gather(*(midrank.search() for _ in range(10)))

    names = [span["name"] for span in told.spans()]
    assert names.count("midrank.exchange") == names.count("midrank.rank") == 200


@pytest.mark.parametrize(
    ("sampler", "caller", "spans"),
    [
        ("parentbased_always_off", {}, 0),
        ("parentbased_always_off", CALLER, 4),
        ("always_on", {"traceparent": CALLER["traceparent"][:-1] + "0"}, 4),
        ("parentbased_always_on", {"traceparent": CALLER["traceparent"][:-1] + "0"}, 0),
    ],
)
async def test_samplers_do_as_they_are_called(collector, variables, sampler, caller, spans):
    variables(**exported(collector, "http/protobuf"), METRICS_EXPORTER="none", TRACES_SAMPLER=sampler)
    async with served(Reversing()) as midrank:
        await midrank.search(**caller)

    assert len(collector.spans()) == spans


async def test_spans_that_a_full_queue_drops_are_counted(variables):
    with nobody_listening() as gone:
        variables(
            EXPORTER_OTLP_ENDPOINT=gone.url,
            METRICS_EXPORTER="prometheus",
            BSP_MAX_QUEUE_SIZE="1",
            BSP_MAX_EXPORT_BATCH_SIZE="1",
        )
        session = await asyncio.to_thread(telemetry_from_environment, prometheus=True)
        for _ in range(100):
            with session.telemetry.span("midrank.exchange"):
                pass
        text, _ = await session.telemetry.scrape("")
        await asyncio.to_thread(session.close)

    lines = [line for line in text.decode().splitlines() if 'error_type="queue_full"' in line]
    assert any(line.startswith("otel_sdk_processor_span_processed_total") for line in lines)


async def test_without_tracing_lines_name_the_caller_s_trace(variables, capsys):
    variables(METRICS_EXPORTER="prometheus")
    log_to_stderr("info")
    async with served(Crashing()) as midrank:
        await midrank.search(**CALLER)

    (line,) = (line for line in capsys.readouterr().err.splitlines() if "search fell back" in line)
    assert f'"trace_id":"{TRACE}"' in line
    assert "span_id" not in line, "the caller's own span is not where this happened"


async def test_a_line_about_a_store_that_is_gone_names_the_caller_s_trace(variables, capsys):
    variables(METRICS_EXPORTER="prometheus")
    log_to_stderr("info")
    async with served(Reversing(), store=Silent) as midrank:
        answer = await midrank.search(**CALLER)

    (line,) = (line for line in capsys.readouterr().err.splitlines() if "store gives no answer" in line)
    assert answer.status == 502
    assert f'"trace_id":"{TRACE}"' in line


async def test_a_pod_names_its_instance(collector, variables):
    attributes = "k8s.namespace.name=shop,k8s.pod.name=web-1,k8s.container.name=midrank"
    variables(**exported(collector, "http/protobuf"), RESOURCE_ATTRIBUTES=attributes)
    async with served(Reversing()) as midrank:
        await midrank.search()

    assert {resource["service.instance.id"] for resource in collector.resources()} == {"shop.web-1.midrank"}
    assert {resource["service.name"] for resource in collector.resources()} == {"midrank"}
