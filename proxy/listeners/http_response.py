"""Answers as bytes: a head goes out as the store wrote it, with nothing added.

The framework's response classes add headers (Server, Date, Content-Type), respell known names and lose bytes
that are not UTF-8. So answers are put together here, and the framework is handed `Written`: nothing to add.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from aiohttp import HttpVersion11, hdrs, web

from proxy.upstream.http_headers import response_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import ClientResponse
    from aiohttp.abc import AbstractStreamWriter

    from proxy.errors import Unanswerable
    from proxy.model import WireResponse

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_NO_BODY = frozenset((204, 304))
_CLOSE = (b"Connection", b"close")
_KEEP_ALIVE = (b"Connection", b"keep-alive")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Written(web.StreamResponse):
    """An answer already written; all that it says is whether another request may follow.

    And, for whoever counts answers, its `status`.
    """

    def __init__(self, *, keep_alive: bool, rest: bytes = b"", status: int = 200) -> None:
        """Take bytes that are still to be written, if any."""
        super().__init__(status=status)
        self._keep_alive = keep_alive
        self._rest = rest

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write the rest, where the framework would write headers."""
        if self._rest:
            await request.writer.write(self._rest)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end of the body has been written."""


def is_empty(response: ClientResponse, request: web.BaseRequest) -> bool:
    """Say whether an answer ends with its head, whatever length it tells."""
    return request.method == hdrs.METH_HEAD or response.status in _NO_BODY


def chunk(data: bytes) -> bytes:
    """Return data framed as one chunk; no data is no chunk, as an empty one would be the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def passing_head(
    response: ClientResponse,
    request: web.BaseRequest,
    extra: tuple[tuple[str, str], ...],
    *,
    chunked: bool,
    keep_alive: bool,
) -> bytes:
    """Return the head of a store's answer, the framing and `extra` headers put after the store's own."""
    headers = response_headers(response.raw_headers)
    if chunked:
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif (length := response.headers.get(hdrs.CONTENT_LENGTH)) is not None:
        headers.append((b"Content-Length", length.encode()))
    headers += [(name.encode(), value.encode()) for name, value in extra]
    reason = (response.reason or "").encode("utf-8", "surrogateescape")
    return _head(response.status, reason, headers, request, keep_alive=keep_alive)


def whole_answer(response: WireResponse, request: web.BaseRequest, *, keep_alive: bool) -> bytes:
    """Return an answer that is here as a whole: its head, and its body unless only the head was asked for."""
    headers = [
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in response.headers.items()
    ]
    headers.append((b"Content-Length", b"%d" % len(response.body)))
    reason = _REASONS.get(response.status, b"")
    head = _head(response.status, reason, headers, request, keep_alive=keep_alive)
    return head if request.method == hdrs.METH_HEAD else head + response.body


def refusal(
    error: Unanswerable,
    request: web.BaseRequest | None = None,
    *,
    keep_alive: bool = False,
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return an answer of midrank's own, head and body: a small JSON object that says what happened."""
    fault = error.fault
    body = orjson.dumps({"error": fault.error, "message": error.detail})
    headers = [
        (b"Content-Type", b"application/json"),
        (b"Content-Length", b"%d" % len(body)),
        (b"x-midrank-error", fault.error.encode()),
        *((name.encode(), value.encode()) for name, value in extra),
    ]
    head = _head(fault.http_status, _REASONS[fault.http_status], headers, request, keep_alive=keep_alive)
    return head if request is not None and request.method == hdrs.METH_HEAD else head + body


def _head(
    status: int,
    reason: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    request: web.BaseRequest | None,
    *,
    keep_alive: bool,
) -> bytes:
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    lines += [b"%b: %b" % header for header in headers]
    # Said only where it is not the version's default.
    if request is None or request.version >= HttpVersion11:
        if not keep_alive:
            lines.append(b"%b: %b" % _CLOSE)
    elif keep_alive:
        lines.append(b"%b: %b" % _KEEP_ALIVE)
    lines.append(b"\r\n")
    return b"\r\n".join(lines)
