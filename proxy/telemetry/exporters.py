"""Exporters of the OpenTelemetry SDK, by name; each is imported when it is wanted: gRPC alone takes 10 MB."""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

# Seconds for one export. The SDK's own 10 would have a collector that is gone keep a queue waiting, and a
# process from ending.
_TIMEOUT = 2.0


class _Common(TypedDict):
    timeout: float | None
    meter_provider: MeterProvider | None


def span_exporter(protocol: str, meters: MeterProvider | None) -> SpanExporter:
    """Return what sends spans to a collector, and counts what it sends and fails to."""
    common = _common("TRACES", meters)
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(**common)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http(**common)


def metric_exporter(protocol: str) -> MetricExporter:
    """Return what sends metrics to a collector."""
    timeout = _common("METRICS", None)["timeout"]
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        return Grpc(timeout=timeout)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

    return Http(timeout=timeout)


def log_exporter(protocol: str, meters: MeterProvider | None) -> LogRecordExporter:
    """Return what sends log records to a collector, and counts what it sends and fails to."""
    common = _common("LOGS", meters)
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc

        return Grpc(**common)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as Http

    return Http(**common)


def _common(signal: str, meters: MeterProvider | None) -> _Common:
    said = any(
        os.environ.get(name)
        for name in (f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    )
    return {"timeout": None if said else _TIMEOUT, "meter_provider": meters}
