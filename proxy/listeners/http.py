"""The HTTP listener of one store: searches go to the exchange, everything else streams through.

Which of the two is decided by method and raw path alone, before a byte of the body is touched. What streams
through keeps its bytes in both directions; see `http_request` for what is refused instead.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import Unanswerable
from proxy.listeners.door import Door
from proxy.listeners.http_connection import HttpLimits
from proxy.listeners.http_copy import Copy
from proxy.listeners.http_relay import relay
from proxy.listeners.http_request import check, decoded_headers, expects_continue
from proxy.listeners.http_response import Written, refusal, whole_answer
from proxy.model import Forward, Outcome, Reason, WireRequest, WireResponse
from proxy.telemetry.propagation import continued
from proxy.upstream.http_headers import request_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from proxy.listeners.http_connection import Connection
    from proxy.upstream.http import HttpUpstream

_log = logging.getLogger(__name__)

# A body up to this size is forwarded in one piece once it is here, which is cheaper than streaming it.
_SMALL_BODY = 64 * 1024
# What is told of a request that was cut off before its answer was complete.
_BROKEN_OFF = "broken_off"
# What a search is told that the store gives no answer to.
_NO_ANSWER = (("x-midrank", Outcome.PASSED.value), ("x-midrank-reason", Reason.STORE_ERROR.value))


class Exchange(Protocol):
    """What answers the searches of one store."""

    def claims(self, method: str, target: str) -> bool:
        """Say, by method and raw target alone, whether a request is to be run. Cheap."""
        ...

    async def run(self, request: WireRequest) -> WireResponse | Forward:
        """Answer a claimed request, or say that the original is to be sent on.

        Raises:
            Unanswerable: the store gives no answer.
        """
        ...

    def unread(self, reason: Reason) -> Forward:
        """Take note of a claimed request that is not read, and why; it is sent on."""
        ...

    def teaches(self, method: str, target: str) -> bool:
        """Say whether `learn` wants to see the answer to a request that passes through. Cheap."""
        ...

    def learn(self, body: bytes) -> None:
        """Look at the body of such an answer: status 200, no content coding, of bounded size."""
        ...

    def wants_write(self, method: str, target: str) -> bool:
        """Say whether `written` wants to see a request that passes through. Cheap."""
        ...

    def written(self, request: WireRequest) -> None:
        """Take note of such a request that the store has taken: no content coding, of bounded size. Cheap."""
        ...

    def served(self, method: str, status: int | str, seconds: float, *, claimed: bool) -> None:
        """Take note of what a request took; `status` is a word where its answer was not completed. Cheap."""
        ...


class HttpListener(Door):
    """Accepts one store's clients."""

    def __init__(
        self,
        exchange: Exchange,
        upstream: HttpUpstream,
        *,
        host: str,
        port: int,
        name: str = "",
        limits: HttpLimits | None = None,
    ) -> None:
        """Take what to serve; `name` is the store's in messages, port 0 any free one."""
        super().__init__(host, port, owner=(f"store {name}", "listen"), limits=limits or HttpLimits())
        self._exchange = exchange
        self._upstream = upstream
        self._name = name
        self._copied_writes = 0
        self._searches = 0

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        started = perf_counter()
        claimed = False
        answered: web.StreamResponse | None = None
        try:
            target = check(request)
            headers = decoded_headers(request)
            if expects_continue(request) and not request.content.is_eof():
                client.permit_body()
            claimed = self._exchange.claims(request.method, target)
            answer = self._exchanged if claimed else self._passed
            answered = await answer(request, client, target, headers)
        except Unanswerable as error:
            with continued(request.headers):  # so that the line names the caller's trace
                if error.fault.http_status in (502, 504):
                    _log.warning(
                        "store gives no answer", extra={"store": self._name, "error": error.fault.error}
                    )
                else:
                    _log.info("request refused", extra={"store": self._name, "error": error.fault.error})
            # Only a failure of the store says nothing against this client's next request.
            keep_alive = error.fault.http_status in (502, 504) and self._server.keeps_alive(request)
            extra = _NO_ANSWER if claimed else ()
            out = refusal(error, request, keep_alive=keep_alive, extra=extra)
            answered = Written(rest=out, keep_alive=keep_alive, status=error.fault.http_status)
        finally:
            status = _BROKEN_OFF if answered is None else answered.status
            self._exchange.served(request.method, status, perf_counter() - started, claimed=claimed)
        return answered

    async def _passed(
        self, request: web.BaseRequest, client: Connection, target: str, headers: list[tuple[str, str]]
    ) -> web.StreamResponse:
        """Send a request on and its answer back."""
        learnt = Copy(self._limits.learnt_body) if self._exchange.teaches(request.method, target) else None
        written = Copy(self._limits.written_body) if self._copies_write(request, target) else None
        self._copied_writes += written is not None
        try:
            body = await self._passing_body(request, client, written)
            return await self._forward(request, client, target, headers, body, learnt=learnt, written=written)
        finally:
            self._copied_writes -= written is not None

    def _copies_write(self, request: web.BaseRequest, target: str) -> bool:
        """Say whether the exchange is to see the body of a passing request, once the store has taken it."""
        return (
            self._exchange.wants_write(request.method, target)
            and hdrs.CONTENT_ENCODING not in request.headers
            and (request.content_length or 0) <= self._limits.written_body
            and self._copied_writes < self._limits.written_at_once
        )

    async def _passing_body(
        self, request: web.BaseRequest, client: Connection, copy: Copy | None
    ) -> bytes | AsyncIterator[bytes] | None:
        """Return a body to forward: whole if it is small, else as it arrives; `copy` gets it too."""
        length = request.content_length
        if not request.body_exists:
            return None
        if length is None or length > _SMALL_BODY:
            return client.upload(request, copy=copy)
        body, _ = await client.read_body(request, length)
        if copy is not None:
            copy.add(body)
            copy.end()
        return body

    async def _exchanged(
        self, request: web.BaseRequest, client: Connection, target: str, headers: list[tuple[str, str]]
    ) -> web.StreamResponse:
        """Let the exchange answer a search."""
        if hdrs.CONTENT_ENCODING in request.headers:
            return await self._unread(Reason.UNDECODABLE_REQUEST, request, client, target, headers)
        if self._searches >= self._limits.searches:
            return await self._unread(Reason.OVERLOADED, request, client, target, headers)
        self._searches += 1
        try:
            return await self._searched(request, client, target, headers)
        finally:
            self._searches -= 1

    async def _searched(
        self, request: web.BaseRequest, client: Connection, target: str, headers: list[tuple[str, str]]
    ) -> web.StreamResponse:
        """Hold a search in memory, and have it run."""
        body, whole = await client.read_body(request, self._limits.search_body)
        if not whole:
            return await self._unread(Reason.TOO_LARGE, request, client, target, headers, begun=body)
        search = WireRequest(request.method, target, CIMultiDictProxy(CIMultiDict(headers)), body)
        answer = await self._exchange.run(search)
        if isinstance(answer, Forward):
            return await self._forward(
                request, client, target, headers, body, extra=answer.headers, again=True, then=answer.then
            )
        keep_alive = self._server.keeps_alive(request)
        out = whole_answer(answer, request, keep_alive=keep_alive)
        return Written(rest=out, keep_alive=keep_alive, status=answer.status)

    async def _unread(
        self,
        reason: Reason,
        request: web.BaseRequest,
        client: Connection,
        target: str,
        headers: list[tuple[str, str]],
        *,
        begun: bytes = b"",
    ) -> web.StreamResponse:
        """Send a search on that is not read, or not to its end."""
        extra = self._exchange.unread(reason).headers
        body = client.upload(request, begun=begun)
        return await self._forward(request, client, target, headers, body, extra=extra)

    async def _forward(
        self,
        request: web.BaseRequest,
        client: Connection,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        again: bool = False,
        extra: tuple[tuple[str, str], ...] = (),
        learnt: Copy | None = None,
        written: Copy | None = None,
        then: Callable[[], None] | None = None,
    ) -> web.StreamResponse:
        """Send a request on, and its answer back with `extra` headers.

        What succeeds is shown to the exchange: the answer if `learnt` is there to copy it to, the request if
        `written` is there and holds a copy of its body; and so does `then` what was to be done after it.
        """
        sent = request_headers(headers)
        if not isinstance(body, bytes) and (length := request.headers.get(hdrs.CONTENT_LENGTH)) is not None:
            sent["Content-Length"] = length
        response = await self._upstream.send(request.method, target, sent, body, again=again)
        try:
            if response.status != 200 or hdrs.CONTENT_ENCODING in response.headers:
                learnt = None
            answered = await relay(
                response,
                request,
                client,
                keep_alive=self._server.keeps_alive(request),
                extra=extra,
                copy=learnt,
            )
        finally:
            response.release()
        if learnt is not None and (copied := learnt.body) is not None:
            self._exchange.learn(copied)
        if written is not None and 200 <= response.status < 300 and (copied := written.body) is not None:
            self._exchange.written(
                WireRequest(request.method, target, CIMultiDictProxy(CIMultiDict(headers)), copied)
            )
        if then is not None and response.status == 200:
            then()
        return answered
