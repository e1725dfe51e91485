"""Which requests are refused, and what is forwarded of the others.

The parser has refused broken framing and syntax already. What it lets through, but a second parser behind us
may read differently, or what would lose a part on its way, is refused here:

    version other than 1.0 and 1.1       505
    target that is not a path or a URL   400
    CONNECT, `OPTIONS *`, websockets     501
    transfer coding other than chunked   501, and 400 with HTTP/1.0
    Connection naming the app's headers  400
    header bytes that are not UTF-8      400
    Expect other than 100-continue       417

Other upgrades (h2c) are offers; HTTP lets a server pass over them, so they are answered as plain HTTP/1.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import HttpVersion10, HttpVersion11, hdrs

from proxy.errors import (
    BAD_REQUEST,
    EXPECTATION_FAILED,
    NOT_IMPLEMENTED,
    VERSION_UNSUPPORTED,
    Unanswerable,
)

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import CIMultiDictProxy

_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

# What Connection may name. Any other name would make us drop a header that the app relies on, an identity or
# a tenant for example; refusing is safer than forwarding without it.
_CONNECTION_OPTIONS = frozenset(
    ("", "close", "http2-settings", "keep-alive", "te", "trailer", "trailers", "upgrade")
)


def check(request: web.BaseRequest) -> str:
    """Return the raw target of a request that can be served: path and query, starting with a slash.

    Raises:
        Unanswerable: see the list above.
    """
    if request.version not in (HttpVersion11, HttpVersion10):
        raise Unanswerable(VERSION_UNSUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    headers = request.headers
    # Looked up one by one, as a request seldom has any of them.
    if hdrs.TRANSFER_ENCODING in headers:
        _check_transfer_encoding(request)
    if hdrs.CONNECTION in headers:
        _check_connection(headers)
    if hdrs.UPGRADE in headers and headers[hdrs.UPGRADE].strip().lower() == "websocket":
        raise Unanswerable(NOT_IMPLEMENTED, "websockets are not forwarded")
    if hdrs.EXPECT in headers and headers[hdrs.EXPECT].strip().lower() != "100-continue":
        raise Unanswerable(EXPECTATION_FAILED, "only 100-continue can be expected")
    if request.method == hdrs.METH_CONNECT:
        raise Unanswerable(NOT_IMPLEMENTED, "tunnels are not opened")
    return _target(request.raw_path)


def decoded_headers(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Return all headers in order and as they are spelled.

    Raises:
        Unanswerable: one is not UTF-8, so that it could not be forwarded unchanged.
    """
    try:
        return [(str(name, "ascii"), str(value, "utf-8")) for name, value in request.raw_headers]
    except UnicodeDecodeError:
        raise Unanswerable(BAD_REQUEST, "a header is not UTF-8") from None


def expects_continue(request: web.BaseRequest) -> bool:
    """Say whether the client waits for our permission to send its body."""
    return hdrs.EXPECT in request.headers and request.version == HttpVersion11


def _target(raw: str) -> str:
    if raw[:1] != "/":
        if raw == "*":
            raise Unanswerable(NOT_IMPLEMENTED, "`*` is not forwarded; ask for a path")
        # A URL, as sent to proxies: its authority is not ours to follow, the store comes from the policy.
        if (authority := _AUTHORITY.match(raw)) is None:
            raise Unanswerable(BAD_REQUEST, "the target is neither a path nor a URL")
        path = raw[authority.end() :]
        raw = path if path[:1] == "/" else f"/{path}"
    if "#" in raw:
        raise Unanswerable(BAD_REQUEST, "the target has a fragment")
    return raw


def _check_transfer_encoding(request: web.BaseRequest) -> None:
    if request.version == HttpVersion10:
        raise Unanswerable(BAD_REQUEST, "HTTP/1.0 has no transfer codings")
    if request.headers[hdrs.TRANSFER_ENCODING].strip().lower() != "chunked":
        raise Unanswerable(NOT_IMPLEMENTED, "the only transfer coding is chunked")


def _check_connection(headers: CIMultiDictProxy[str]) -> None:
    for value in headers.getall(hdrs.CONNECTION):
        if not all(option.strip().lower() in _CONNECTION_OPTIONS for option in value.split(",")):
            raise Unanswerable(BAD_REQUEST, "Connection names a header that is not hop-by-hop")
