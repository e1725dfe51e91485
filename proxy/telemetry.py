"""Every span and attribute name, once; what is counted; OpenTelemetry from the standard variables.

Off unless a standard `OTEL_*` variable switches an exporter on; then it costs nothing. Text, vectors and
credentials are never recorded: no method here takes any.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry import context, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.metrics import CallbackOptions, Meter
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import Attributes

    from proxy.figures import Figure
    from proxy.model import Candidate, Verdict

    # What some tell about themselves, by what tells them apart.
    Told = Mapping[tuple[str, ...], Mapping[str, float]]

# Spans: midrank.exchange > midrank.decode, midrank.fetch, midrank.rank > midrank.model
EXCHANGE, DECODE, FETCH, RANK, MODEL = (
    f"midrank.{step}" for step in ("exchange", "decode", "fetch", "rank", "model")
)

STORE = "midrank.store"
SOURCE = "midrank.source"
BUDGET_MS = "midrank.budget_ms"
WINDOW = "midrank.window"
CANDIDATES = "midrank.candidates"
SCORED = "midrank.scored"
KNOWN = "midrank.cache.known"
NEAR = "midrank.cache.near"
OUTCOME = "midrank.outcome"
REASON = "midrank.reason"
ATTEMPTS = "midrank.attempts"
FATE = "midrank.write.fate"
KIND = "midrank.kind"
CACHE = "midrank.cache.name"
ERROR_TYPE = "error.type"

# Stable database conventions: opentelemetry.io/docs/specs/semconv/database/database-spans
DB_SYSTEM = "db.system.name"
DB_COLLECTION = "db.collection.name"
DB_OPERATION = "db.operation.name"
DB_STATUS = "db.response.status_code"

# OpenInference: github.com/Arize-ai/openinference, spec/semantic_conventions.md
SPAN_KIND = "openinference.span.kind"
RERANKER_MODEL = "reranker.model_name"
RERANKER_TOP_K = "reranker.top_k"
RERANKER_INPUT = "reranker.input_documents"
RERANKER_OUTPUT = "reranker.output_documents"
# 50 documents would exceed the default of 128 attributes a span; the head of both lists tells the story.
MAX_DOCUMENTS = 10

OUTCOMES_METRIC = "midrank.rank.outcomes"
ATTEMPTS_METRIC = "midrank.rank.attempts"
WRITES_METRIC = "midrank.writes"
ADDED_METRIC = "midrank.exchange.added"
# Seconds; made for budgets of 50 to 500 ms.
ADDED_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)

# Seconds within which metrics of one table are of one export.
ONE_EXPORT = 0.1

# A collector that is gone keeps an orderly shutdown waiting for up to 48 s (measured).
SHUTDOWN_TIMEOUT = 2.0

_TRACE_CONTEXT = TraceContextTextMapPropagator()
_NO_SPAN: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


class Telemetry:
    """Spans and metrics of one process; without a tracer and a meter all of it does nothing."""

    def __init__(self, tracer: Tracer | None = None, meter: Meter | None = None) -> None:
        self._tracer = tracer
        self._meter = meter
        self._outcomes = meter and meter.create_counter(OUTCOMES_METRIC, description="Searches by outcome.")
        self._attempts = meter and meter.create_counter(
            ATTEMPTS_METRIC, description="Models considered for searches, with the reason for no scores."
        )
        self._writes = meter and meter.create_counter(
            WRITES_METRIC, description="Writes looked at for the texts of their documents."
        )
        self._added = meter and meter.create_histogram(
            ADDED_METRIC,
            unit="s",
            description="Time that midrank added to a search.",
            explicit_bucket_boundaries_advisory=ADDED_BUCKETS,
        )

    def span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes = None
    ) -> AbstractContextManager[Span]:
        """Open a span as a child of the current one."""
        if self._tracer is None:
            return _NO_SPAN
        # Messages of exceptions may quote what users wrote: whoever handles one sets its type alone.
        return self._tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )

    def continued(self, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """Make the caller's trace the current one; spans opened inside belong to it."""
        return nullcontext() if self._tracer is None else _attached(headers)

    def carrying(self, headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
        """Return the headers with `traceparent` naming the current span; all others stay as they came."""
        if self._tracer is None or not trace.get_current_span().get_span_context().is_valid:
            return headers
        carrier: dict[str, str] = {}
        _TRACE_CONTEXT.inject(carrier)
        carried = CIMultiDict(headers)
        carried["traceparent"] = carrier["traceparent"]
        return CIMultiDictProxy(carried)

    def watch(
        self,
        table: Mapping[str, Figure],
        labels: tuple[str, ...],
        figures: Callable[[], Told],
    ) -> None:
        """Export the figures of a table.

        `figures` returns them by the values that `labels` have for whoever tells them; it runs in the
        exporter's thread, once for all metrics of the table that are exported together.
        """
        if self._meter is None:
            return
        figures = _once_an_export(figures)
        by_name: dict[str, dict[str, Figure]] = {}
        for key, figure in table.items():
            by_name.setdefault(figure.name, {})[key] = figure
        for name, alike in by_name.items():

            def observe(_: CallbackOptions, alike: dict[str, Figure] = alike) -> Iterator[Observation]:
                for values, told in figures().items():
                    of = dict(zip(labels, values, strict=True))
                    for key, figure in alike.items():
                        if key in told:
                            kind = {KIND: figure.kind} if figure.kind is not None else {}
                            yield Observation(told[key], {**of, **kind})

            one = next(iter(alike.values()))
            make = self._meter.create_observable_counter if one.total else self._meter.create_observable_gauge
            make(name, [observe], unit=one.unit, description=one.description)

    def count(self, store: str, verdict: Verdict, added: float | None) -> None:
        """Count an exchange, the models tried for it, and the seconds added if it was not just passed on."""
        labels = {STORE: store, OUTCOME: verdict.outcome.value}
        if verdict.reason is not None:
            labels[REASON] = verdict.reason.value
        if self._outcomes:
            self._outcomes.add(1, labels)
        if self._attempts:
            for model, reason in verdict.attempts:
                why = {} if reason is None else {REASON: reason.value}
                self._attempts.add(1, {STORE: store, RERANKER_MODEL: model, **why})
        if self._added and added is not None:
            self._added.record(added, {STORE: store, OUTCOME: verdict.outcome.value})

    def count_write(self, store: str, fate: str) -> None:
        """Count a write whose documents are wanted, and what became of it."""
        if self._writes:
            self._writes.add(1, {STORE: store, FATE: fate})


def _once_an_export(figures: Callable[[], Told]) -> Callable[[], Told]:
    """Return what asks for figures unless it just has: an export asks for one metric after the other."""
    kept: list[tuple[float, Told]] = []

    def ask() -> Told:
        if not kept or perf_counter() - kept[0][0] > ONE_EXPORT:
            told = figures()
            kept[:] = [(perf_counter(), told)]
        return kept[0][1]

    return ask


@contextmanager
def _attached(headers: Mapping[str, str]) -> Iterator[None]:
    # Attached, not passed as an argument to a span: what is opened deeper down must see it as well.
    token = context.attach(_TRACE_CONTEXT.extract({key.lower(): value for key, value in headers.items()}))
    try:
        yield
    finally:
        context.detach(token)


def trace_id(headers: Mapping[str, str]) -> str:
    """Return the trace that a request belongs to, as 32 hexadecimal digits; empty without one."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid and "traceparent" in headers:
        carrier = {"traceparent": headers["traceparent"]}
        current = trace.get_current_span(_TRACE_CONTEXT.extract(carrier)).get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else ""


def verdict_attributes(verdict: Verdict) -> dict[str, str | float | tuple[str, ...]]:
    """Return a verdict as span attributes."""
    attributes: dict[str, str | float | tuple[str, ...]] = {
        OUTCOME: verdict.outcome.value,
        SCORED: verdict.scored,
        CANDIDATES: verdict.candidates,
    }
    if verdict.reason is not None:
        attributes[REASON] = verdict.reason.value
    if verdict.known:
        attributes[KNOWN] = verdict.known
    if verdict.near is not None:
        attributes[NEAR] = verdict.near
    if verdict.chain:
        attributes[ATTEMPTS] = tuple(
            model if reason is None else f"{model};{reason.value}" for model, reason in verdict.chain
        )
    return attributes


def document_attributes(
    prefix: str, candidates: Sequence[Candidate], order: Sequence[int]
) -> dict[str, str | float]:
    """Return ids and store scores of the first rows, flattened as OpenInference wants them; no text."""
    attributes: dict[str, str | float] = {}
    for place, index in enumerate(order[:MAX_DOCUMENTS]):
        attributes[f"{prefix}.{place}.document.id"] = candidates[index].id
        score = candidates[index].score
        if score is not None:
            attributes[f"{prefix}.{place}.document.score"] = score
    return attributes


def telemetry_from_environment(environment: Mapping[str, str] = os.environ) -> TelemetrySession:
    """Set OpenTelemetry up the way the standard variables say.

    Raises:
        BadConfig: a variable asks for an exporter or protocol that is not built in.
    """
    signals = {signal: _exporter(signal, environment) for signal in ("TRACES", "METRICS")}
    tracer = meter = None
    closers = []
    if signals["TRACES"] != "none":
        from proxy._otel import make_tracer  # noqa: PLC0415 - the SDK takes 100 ms to import

        tracer, close = make_tracer(signals["TRACES"])
        closers.append(close)
    if signals["METRICS"] != "none":
        from proxy._otel import make_meter  # noqa: PLC0415 - the SDK takes 100 ms to import

        meter, close = make_meter(signals["METRICS"])
        closers.append(close)
    return TelemetrySession(Telemetry(tracer, meter), closers)


class TelemetrySession:
    """Telemetry and what must be flushed at the end of the process."""

    def __init__(self, telemetry: Telemetry, closers: Sequence[Callable[[], object]]) -> None:
        self.telemetry = telemetry
        self._closers = closers

    def close(self) -> None:
        """Flush, but never keep the process for longer than `SHUTDOWN_TIMEOUT`."""
        threads = [threading.Thread(target=close, daemon=True) for close in self._closers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SHUTDOWN_TIMEOUT)


def _exporter(signal: str, environment: Mapping[str, str]) -> str:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return "none"
    endpoint = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environment.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    name = f"OTEL_{signal}_EXPORTER"
    exporter = environment.get(name) or ("otlp" if endpoint else "none")
    if exporter not in ("otlp", "console", "none"):
        raise BadConfig((Mistake("(environment)", name, repr(exporter), "otlp, console or none"),))
    keys = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    key = next((key for key in keys if environment.get(key)), None)
    if exporter == "otlp" and key is not None and environment[key] != "http/protobuf":
        raise BadConfig((Mistake("(environment)", key, repr(environment[key]), "http/protobuf"),))
    return exporter
