"""The spans of an exchange: what came and what was answered, and what the store was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind, StatusCode

from proxy.telemetry import names, verdict_attributes
from proxy.telemetry.attributes import MAX_TEXT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from proxy.errors import Unanswerable
    from proxy.model import Verdict, WireRequest
    from proxy.plan import Plan
    from proxy.telemetry import Telemetry


class ExchangeSpans:
    """Opens the spans of one store's exchanges; with `text`, the policy's word, they may hold queries.

    What conventions there are for HTTP servers and database clients is followed where it is stable. Query
    strings and headers, which may hold keys, are left out of it; so is what was sent to the store.
    """

    def __init__(self, telemetry: Telemetry, *, store: str, system: str, upstream: str, text: bool) -> None:
        """Take the store's name, its kind as the conventions spell it, and its base URL."""
        self._telemetry = telemetry
        self._gen_ai = telemetry.manner.gen_ai
        self._text = text and not telemetry.manner.hide_inputs
        self._exchange = {names.STORE: store, names.SPAN_KIND: "CHAIN", names.URL_SCHEME: "http"}
        url = urlsplit(upstream)
        self._fetch: dict[str, str | int] = {
            names.SPAN_KIND: "RETRIEVER",
            names.DB_SYSTEM: system,
            names.DB_OPERATION: "search",
            names.SERVER_ADDRESS: url.hostname or "",
            names.SERVER_PORT: url.port or (443 if url.scheme == "https" else 80),
        }

    def exchange(self, request: WireRequest) -> AbstractContextManager[Span]:
        """Open the span of a whole exchange."""
        attributes = {
            **self._exchange,
            names.HTTP_METHOD: request.method,
            names.URL_PATH: request.target.partition("?")[0],
        }
        return self._telemetry.span(names.EXCHANGE, SpanKind.SERVER, attributes)

    def fetch(self, collection: str, plan: Plan | None) -> AbstractContextManager[Span]:
        """Open the span of a call to the store: one that is widened as planned, or as it came."""
        attributes = {**self._fetch, names.DB_COLLECTION: collection}
        window = plan.windows[0] if plan is not None and plan.windows else None
        if self._gen_ai:
            attributes |= {names.GEN_AI_OPERATION: "retrieval", names.GEN_AI_SOURCE: collection}
            if window is not None:
                attributes[names.GEN_AI_TOP_K] = window
        if plan is not None:
            attributes |= self._query(plan)
        return self._telemetry.span(names.FETCH, SpanKind.CLIENT, attributes)

    def planned(self, span: Span, plan: Plan) -> None:
        """Write into the span of an exchange what is going to be done."""
        if self._text:
            span.set_attributes(self._query(plan))

    def _query(self, plan: Plan) -> dict[str, str]:
        text = plan.searches[0].text if self._text and plan.searches else None
        return {} if text is None else {names.INPUT_VALUE: text.text[:MAX_TEXT]}


def fetched(span: Span, status: int) -> None:
    """Write down what the store has answered."""
    span.set_attribute(names.DB_STATUS, str(status))
    if status >= 400:
        failed(span, str(status))


def answered(span: Span, verdict: Verdict, status: int | None) -> None:
    """Write down what became of an exchange; there is no status where the store's own answer follows."""
    if not span.is_recording():
        return
    # What midrank handles is no error of the exchange: a fallback is one of the ranking's span.
    known = {} if status is None else {names.HTTP_STATUS: status}
    span.set_attributes({**verdict_attributes(verdict), **known})
    if status is not None and status >= 500:
        failed(span, str(status))


def unanswerable(span: Span, error: Unanswerable) -> None:
    """Write down that the store gave no answer."""
    span.set_attribute(names.HTTP_STATUS, error.fault.http_status)
    failed(span, error.fault.error)


def failed(span: Span, error: str) -> None:
    """Mark a span as failed, for a reason in one word."""
    span.set_attribute(names.ERROR_TYPE, error)
    span.set_status(StatusCode.ERROR)
