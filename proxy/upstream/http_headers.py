"""Which HTTP headers end at this hop (RFC 9110, section 7.6.1).

Framing, connection control and upgrades belong to one connection; every other header belongs to the app and
its store, and passes with its order, spelling and bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Iterable

RawHeaders = tuple[tuple[bytes, bytes], ...]

# Content-Length is here as it is derived from the body that is really sent. Trailers are not forwarded (the
# HTTP library drops them), so neither is their announcement.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Host is the store's own. `Expect: 100-continue` is answered by the listener: the client library would wait
# for the store's 100, which may never come.
_NOT_FOR_THE_STORE = frozenset({"expect", "host"})
# Addressed to midrank itself.
_OUR_PREFIX = "x-midrank-"


def request_headers(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return the headers of a request that go on to the store; the caller frames the body anew."""
    return CIMultiDict([header for header in headers if _goes_on(header[0])])


def response_headers(raw: RawHeaders) -> list[tuple[bytes, bytes]]:
    """Return the headers of a store's answer that go on to the app; the caller frames the body anew."""
    kept = [header for header in raw if _comes_back(header[0])]
    if named := [value for name, value in raw if name.lower() == b"connection"]:
        options = {option.strip() for option in b",".join(named).lower().split(b",")}
        if options - {b"close", b"keep-alive"}:
            kept = [header for header in kept if header[0].lower() not in options]
    return kept


# Names come from the network: the memory they may take is bounded.
@lru_cache(maxsize=512)
def _goes_on(name: str) -> bool:
    name = name.lower()
    return not (name in _HOP_BY_HOP or name in _NOT_FOR_THE_STORE or name.startswith(_OUR_PREFIX))


@lru_cache(maxsize=512)
def _comes_back(name: bytes) -> bool:
    return name.lower().decode("latin-1") not in _HOP_BY_HOP
