"""Tracer, meter and log handler of the OpenTelemetry SDK; imported only when something is switched on.

What the standard variables leave open is chosen for a process that answers thousands of searches a second
and has to end in time: larger queues, shorter waits, nothing at the interpreter's exit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_METRICS_EXEMPLAR_FILTER,
    OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED,
)
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from proxy import __version__
from proxy.telemetry import exporters

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.trace import Tracer

    from proxy.telemetry.environment import Settings

NAME = "midrank"
# With the SDK's 2048 spans, 30 % were lost at 1900 searches a second (measured).
_QUEUE = 8192
_DELAY_MS = 1000


def meter_provider(settings: Settings, scraped: MetricReader | None) -> MeterProvider:
    """Return what collects metrics, for its own exporters and for whoever scrapes."""
    _, protocol = settings.metrics
    wanted = settings.metrics.exporters
    readers = [] if scraped is None else [scraped]
    if "otlp" in wanted:
        readers.append(PeriodicExportingMetricReader(exporters.metric_exporter(protocol)))
    if "console" in wanted:
        readers.append(PeriodicExportingMetricReader(ConsoleMetricExporter()))
    # Exemplars cost every measure, and in Prometheus' text the SDK leaves them out.
    useless = "otlp" not in wanted or not settings.traces.exporters
    chosen = OTEL_METRICS_EXEMPLAR_FILTER in os.environ
    return MeterProvider(
        readers,
        resource=_resource(),
        exemplar_filter=AlwaysOffExemplarFilter() if useless and not chosen else None,
        shutdown_on_exit=False,
        views=[View(instrument_name="otel.sdk.metric_reader.*", aggregation=DropAggregation())],
    )


def make_tracer(settings: Settings, meters: MeterProvider | None) -> tuple[Tracer, Callable[[], object]]:
    """Return what opens spans, and what ends their export, in batches; those that are lost are counted."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    # Before losses are counted: a tracer that is made after that counts every span.
    tracer = provider.get_tracer(NAME, __version__)
    _count_losses()
    for exporter in sorted(settings.traces.exporters):
        provider.add_span_processor(
            BatchSpanProcessor(
                ConsoleSpanExporter()
                if exporter == "console"
                else exporters.span_exporter(settings.traces.protocol, meters),
                max_queue_size=_unless_said(OTEL_BSP_MAX_QUEUE_SIZE, _QUEUE),
                schedule_delay_millis=_unless_said(OTEL_BSP_SCHEDULE_DELAY, _DELAY_MS),
                meter_provider=meters,
            )
        )
    return tracer, provider.shutdown


def logger_provider(settings: Settings, meters: MeterProvider | None) -> LoggerProvider:
    """Return what exports log records in batches, and counts those that it loses."""
    _count_losses()
    provider = LoggerProvider(resource=_resource(), shutdown_on_exit=False)
    exporter = exporters.log_exporter(settings.logs.protocol, meters)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, meter_provider=meters))
    return provider


def _count_losses() -> None:
    """Have processors and exporters count what they drop and fail to send.

    A variable is the only way to ask for it.
    """
    os.environ.setdefault(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED, "true")


def _unless_said(name: str, default: int) -> int | None:
    """Return a default of ours, or None where a variable says something else: the SDK reads it."""
    return None if os.environ.get(name) else default


def _resource() -> Resource:
    resource = Resource.create({"service.version": __version__})
    known = resource.attributes
    # Attributes given here would win over the environment's own.
    ours = {"service.name": "midrank"} if str(known["service.name"]).startswith("unknown_service") else {}
    pod = [known.get(f"k8s.{part}.name") for part in ("namespace", "pod", "container")]
    if all(pod) and "service.instance.id=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        # Else a random one: opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes
        ours["service.instance.id"] = ".".join(map(str, pod))
    return resource.merge(Resource(ours))
