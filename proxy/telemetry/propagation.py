"""The caller's trace: taken from `traceparent`, and passed on in it. All other headers stay as they came."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy
from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context

_TRACE_CONTEXT = TraceContextTextMapPropagator()
_HEADERS = ("traceparent", "tracestate")


@contextmanager
def continued(headers: Mapping[str, str]) -> Iterator[None]:
    """Make the caller's trace the current one."""
    # Attached, not passed as an argument to a span: what is opened deeper down must see it as well.
    token = context.attach(_context_of(headers))
    try:
        yield
    finally:
        context.detach(token)


def carrying(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """Return the headers with `traceparent` naming the current span, if there is one."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return headers
    carried = CIMultiDict(headers)
    # All that there is to it in version 00 of the format; the library's own takes several times as long.
    carried["traceparent"] = f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"
    return CIMultiDictProxy(carried)


def trace_id(headers: Mapping[str, str]) -> str:
    """Return the trace that a request belongs to, as 32 hexadecimal digits; empty without one."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid and "traceparent" in headers:
        current = trace.get_current_span(_context_of(headers)).get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else ""


def _context_of(headers: Mapping[str, str]) -> Context:
    return _TRACE_CONTEXT.extract({name: headers[name] for name in _HEADERS if name in headers})
