"""Where a search's text comes from: the query-text ladder.

A vector search carries numbers; a reranker reads words. The first rung that answers wins:

1. the request itself (the codec found it);
2. the header `x-midrank-query`, percent-encoded UTF-8: once for all searches of a call, or once per search in
   their order; else the W3C baggage member `midrank.query`, which OpenTelemetry's client instrumentations
   send along by themselves.

A text that is sent but can't be read is ignored, and the reason says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from proxy.model import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import CIMultiDictProxy

    from proxy.model import Search

QUERY_HEADER = "x-midrank-query"
BAGGAGE_KEY = "midrank.query"

# Longer than any question; what is read of it is cut by the model's own limit anyway.
MAX_CHARACTERS = 8192

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

Source = Literal["request", "header", "baggage"]


class QueryText(NamedTuple):
    """A search's text and the rung it was found on."""

    text: str
    source: Source


def recover(
    searches: Sequence[Search], headers: CIMultiDictProxy[str]
) -> tuple[tuple[QueryText | None, ...], Reason]:
    """Return a text, or None, for every search, and the reason that holds for those without."""
    sent, reason = _sent_along(headers, len(searches))
    texts = tuple(
        QueryText(search.query[:MAX_CHARACTERS], "request")
        if search.query and search.query.strip()
        else along
        for search, along in zip(searches, sent, strict=True)
    )
    return texts, reason


def _sent_along(headers: CIMultiDictProxy[str], count: int) -> tuple[tuple[QueryText | None, ...], Reason]:
    values = headers.getall(QUERY_HEADER, [])
    source: Source = "header"
    if not values:
        values, source = _baggage_members(headers), "baggage"
    if not values:
        return (None,) * count, Reason.NO_QUERY_TEXT
    texts = [_percent_decoded(value) for value in values]
    if None in texts or len(texts) not in (1, count):
        return (None,) * count, Reason.BAD_QUERY_HEADER
    found = tuple(QueryText(text, source) if text else None for text in texts)
    return found * count if len(found) == 1 else found, Reason.NO_QUERY_TEXT


def _baggage_members(headers: CIMultiDictProxy[str]) -> list[str]:
    """Find our member in the baggage header(s): https://www.w3.org/TR/baggage/#definition."""
    for header in headers.getall("baggage", []):
        for member in header.split(","):
            key, _, value = member.partition(";")[0].partition("=")
            if key.strip() == BAGGAGE_KEY:
                value = value.strip()
                # OpenTelemetry for Python writes form encoding, where a space is `+`; all others write
                # `%20`. Where `%20` occurs a plus is a plus.
                return [value if "%20" in value else value.replace("+", "%20")]
    return []


def _percent_decoded(value: str) -> str | None:
    """Return the text, empty for a blank one; None if it is not percent-encoded UTF-8."""
    if _STRAY_PERCENT.search(value):
        return None
    try:
        return unquote_to_bytes(value.encode("utf-8")).decode("utf-8").strip()[:MAX_CHARACTERS]
    except UnicodeError:
        return None
