"""How an unmodified client sends the query's text along: W3C baggage, written by OpenTelemetry."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import baggage, context
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def asking(text: str) -> Iterator[None]:
    """Send `text` as baggage with every instrumented request of this block."""
    token = context.attach(baggage.set_baggage("midrank.query", text))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def instrumented_httpx() -> Iterator[None]:
    """Let every httpx client, present and future, propagate baggage; chromadb and qdrant-client use httpx."""
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument()
    try:
        yield
    finally:
        instrumentor.uninstrument()
