"""Tracer and meter of the OpenTelemetry SDK; imported only when an exporter is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from proxy import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer


def _resource() -> Resource:
    resource = Resource.create({"service.version": __version__})
    # Attributes given here would win over the environment's own service name.
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        return resource.merge(Resource({"service.name": "midrank"}))
    return resource


def make_tracer(exporter: str) -> tuple[Tracer, Callable[[], None]]:
    """Return a tracer that exports in batches, and what flushes and stops it."""
    provider = TracerProvider(resource=_resource())
    provider.add_span_processor(
        BatchSpanProcessor(ConsoleSpanExporter() if exporter == "console" else OTLPSpanExporter())
    )
    return provider.get_tracer("midrank", __version__), provider.shutdown


def make_meter(exporter: str) -> tuple[Meter, Callable[[], None]]:
    """Return a meter that exports periodically, and what flushes and stops it."""
    reader = PeriodicExportingMetricReader(
        ConsoleMetricExporter() if exporter == "console" else OTLPMetricExporter()
    )
    provider = MeterProvider(resource=_resource(), metric_readers=[reader])
    return provider.get_meter("midrank", __version__), provider.shutdown
