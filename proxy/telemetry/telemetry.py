"""What the rest of midrank records with: spans, measures, figures."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, set_span_in_context

from proxy.telemetry import propagation
from proxy.telemetry.measures import Measures
from proxy.telemetry.watched import watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from multidict import CIMultiDictProxy
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import Attributes

    from proxy.figures import Figure
    from proxy.telemetry.watched import Told

    # From an Accept header to metrics as Prometheus reads them: the text, and its type.
    Scrape = Callable[[str], Awaitable[tuple[bytes, str]]]


class _Open(AbstractContextManager[Span]):
    """A span that is the current one, until it ends.

    The library's own would record exceptions, whose messages may quote what users wrote; without that it
    still takes twice as long. Whoever handles an exception writes its type into the span.
    """

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = context.attach(set_span_in_context(self._span))
        return self._span

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)
        self._span.end()


_NO_SPAN: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


class Manner(NamedTuple):
    """How the standard variables want spans.

    `traceparent`: whether the caller's trace goes on. `gen_ai`: with the names of the GenAI conventions, too.
    `hide_inputs` and `hide_outputs`: never with such texts, whatever a policy says.
    """

    traceparent: bool = True
    gen_ai: bool = False
    hide_inputs: bool = False
    hide_outputs: bool = False


class Telemetry:
    """Spans and metrics of one process; without a tracer and a meter all of it does nothing.

    `scrape` returns all metrics in Prometheus' format, or is None where nobody collects them.
    """

    def __init__(
        self,
        tracer: Tracer | None = None,
        meter: Meter | None = None,
        *,
        manner: Manner | None = None,
        scrape: Scrape | None = None,
    ) -> None:
        self._tracer = tracer
        self._meter = meter
        self.manner = manner or Manner()
        self.measures = Measures(meter)
        self.scrape = scrape

    def span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes = None
    ) -> AbstractContextManager[Span]:
        """Open a span as a child of the current one."""
        if self._tracer is None:
            return _NO_SPAN
        return _Open(self._tracer.start_span(name, kind=kind, attributes=attributes))

    def continued(self, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        """Make the caller's trace the current one: spans opened inside belong to it, and lines logged."""
        if not self.manner.traceparent or "traceparent" not in headers:
            return nullcontext()
        return propagation.continued(headers)

    def carrying(self, headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
        """Return the headers with `traceparent` naming the current span; all others stay as they came."""
        if self._tracer is None or not self.manner.traceparent:
            return headers
        return propagation.carrying(headers)

    def watch(
        self, table: Mapping[str, Figure], labels: tuple[str, ...], figures: Callable[[], Told]
    ) -> None:
        """Export the figures of a table.

        `figures` returns them by the values that `labels` have for whoever tells them; it runs in the
        exporter's thread, once for every metric of the table.
        """
        if self._meter is not None:
            watch(self._meter, table, labels, figures)
