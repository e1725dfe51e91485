"""One client connection: the framework's own, with patience that ends.

The framework waits forever for the rest of a request that has begun. Here a head has to be complete within
`head_timeout` of its first byte, a body may pause for `body_timeout`, and only so many connections are held.
One sweep over all connections checks this, so a request costs no timer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from proxy.errors import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    REQUEST_TIMEOUT,
    TOO_MANY_CONNECTIONS,
    Unanswerable,
)
from proxy.listeners.http_response import CONTINUE, Written, refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from proxy.listeners.http_copy import Copy

_log = logging.getLogger(__name__)

# Room for a long query text in one header, and for searches spelled out in a query string.
_MAX_LINE = 32 * 1024
# How long an answered request's unread body is read on, so that the client gets to read the answer.
_LINGER = 2.0


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What clients may ask of one listener: seconds, bytes and counts."""

    head_timeout: float = 10.0
    body_timeout: float = 10.0
    idle_timeout: float = 75.0
    connections: int = 1024
    searches: int = 512  # held at once; more are streamed through, unread
    search_body: int = 8 * 1024 * 1024  # larger searches are streamed through, unread
    learnt_body: int = 1024 * 1024  # larger passing answers are not shown to the exchange
    # Larger writes are not shown to it. One of 7.5 MiB, 1500 documents with 384 floats each, takes the event
    # loop 25 to 35 ms, in steps of about one. Texts that are large beyond use make a step of six.
    written_body: int = 8 * 1024 * 1024
    written_at_once: int = 4  # writes of which a copy is held; others pass at the same time, unseen


class Connection(web.RequestHandler):
    """The server side of one client connection."""

    __slots__ = ("_clients", "_limits", "_now", "_unused_since", "_waiting_since", "answering", "serving")

    def __init__(
        self,
        server: web.Server,
        clients: set[Connection],
        limits: HttpLimits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Join `clients` once connected, and leave it when the connection is gone."""
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_timeout,
            lingering_time=_LINGER,
            access_log=None,  # type: ignore[arg-type]  # None is documented: no access log
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            auto_decompress=False,
        )
        self._clients = clients
        self._limits = limits
        self._now = loop.time
        # Since when the client owes us more of the message that it has begun.
        self._waiting_since: float | None = None
        # Since when there is a connection on which nothing has ever been sent.
        self._unused_since: float | None = None
        self.serving = False
        self.answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it at once when there are too many."""
        super().connection_made(transport)
        if len(self._clients) >= self._limits.connections:
            self.refuse(Unanswerable(TOO_MANY_CONNECTIONS, "no more connections are taken"))
        else:
            self._clients.add(self)
            self._unused_since = self._now()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection; a request that is being served is cancelled."""
        self._clients.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note that the client goes on."""
        # Between requests the clock starts with the first byte of a head and runs until the head is complete;
        # within one it runs only while the body is waited for, and starts anew with every byte of it.
        if self.serving is (self._waiting_since is not None):
            self._waiting_since = self._now()
        self._unused_since = None
        super().data_received(data)

    def begin(self) -> None:
        """Mark the start of a request: its head is complete."""
        self.serving = True
        self._waiting_since = None

    def end(self) -> None:
        """Mark the end of a request."""
        self.serving = self.answering = False
        self._waiting_since = None

    def permit_body(self) -> None:
        """Tell a client that waits for permission to send its body."""
        if self.transport is not None:
            self.transport.write(CONTINUE)

    async def read_body(self, request: web.BaseRequest, limit: int) -> tuple[bytes, bool]:
        """Return a request's body, and whether that is all; reading stops soon after `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size <= limit and (piece := await self._read(request)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces), size <= limit

    async def upload(
        self, request: web.BaseRequest, begun: bytes = b"", copy: Copy | None = None
    ) -> AsyncIterator[bytes]:
        """Yield a request's body as it arrives, after what of it has been read before; `copy` gets it too."""
        if begun:
            yield begun
        while piece := await self._read(request):
            if copy is not None:
                copy.add(piece)
            yield piece
        if copy is not None:
            copy.end()

    def check_patience(self, now: float) -> None:
        """Refuse the client if it has made us wait for too long."""
        if self._unused_since is not None and now - self._unused_since > self._limits.idle_timeout:
            self.force_close()
        if self._waiting_since is None:
            return
        limit = self._limits.body_timeout if self.serving else self._limits.head_timeout
        if now - self._waiting_since > limit:
            self.refuse(Unanswerable(REQUEST_TIMEOUT, "the request did not arrive in time"))

    def refuse(self, error: Unanswerable) -> None:
        """Close the connection, with a reason if no answer has begun; what is being served is cancelled."""
        if self.transport is not None and not self.answering:
            self.transport.write(refusal(error))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # quotes the request
    ) -> web.StreamResponse:
        """Return the answer to a request that can't be parsed, or that we have failed on."""
        if status == BAD_REQUEST.http_status:
            error = Unanswerable(BAD_REQUEST, "the request is not valid HTTP/1.1")
        else:
            _log.error("request failed", exc_info=exc)
            error = Unanswerable(INTERNAL_ERROR, "midrank failed on this request")
        if request.writer.output_size:
            raise ConnectionError("an answer has begun")  # the framework closes the connection
        return Written(rest=refusal(error), keep_alive=False)

    async def _read(self, request: web.BaseRequest) -> bytes:
        # A body that breaks midway looks like one that stops coming: the framework keeps the parser's error
        # to itself until the request has been answered. Patience ends both.
        self._waiting_since = self._now()
        try:
            return await request.content.readany()
        finally:
            self._waiting_since = None
