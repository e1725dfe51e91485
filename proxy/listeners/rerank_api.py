"""The listener of the rerank API: heads go to the gate, and what it lets in goes to the service, bounded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from proxy.errors import Unanswerable
from proxy.listeners.door import Door
from proxy.listeners.http_connection import HttpLimits
from proxy.listeners.http_request import check, expects_continue
from proxy.listeners.http_response import Written, refusal, whole_answer
from proxy.model import WireRequest
from proxy.policy_base import split_address
from proxy.rerank_api.service import NAME

if TYPE_CHECKING:
    from aiohttp import web

    from proxy.listeners.http_connection import Connection
    from proxy.rerank_api.gate import Gate
    from proxy.rerank_api.service import RerankService

_log = logging.getLogger(__name__)


class RerankApiListener(Door):
    """Accepts the clients of the rerank API."""

    def __init__(
        self, address: str, gate: Gate, service: RerankService, *, limits: HttpLimits | None = None
    ) -> None:
        """Take where to listen, as HOST:PORT, and who answers."""
        host, port = split_address(address)
        super().__init__(host, port, owner=("(policy)", "rerank_api.listen"), limits=limits or HttpLimits())
        self._gate = gate
        self._service = service

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        try:
            target = check(request)
        except Unanswerable as error:
            _log.info("request refused", extra={"store": NAME, "error": error.fault.error})
            return Written(rest=refusal(error, request), keep_alive=False)
        answer = self._gate.unread(request.method, request.path, request.headers)
        # A body that is not read costs its connection: whatever of it still comes is no request.
        keep_alive = self._server.keeps_alive(request) and (answer is None or not request.body_exists)
        if answer is None:
            if expects_continue(request) and not request.content.is_eof():
                client.permit_body()
            body, whole = await client.read_body(request, self._limits.search_body)
            if whole:
                asked = WireRequest(request.method, target, request.headers, body)
                answer = await self._service.run(self._gate.dialects(request.path), asked)
            else:
                answer, keep_alive = self._gate.too_large(request.path), False
        return Written(rest=whole_answer(answer, request, keep_alive=keep_alive), keep_alive=keep_alive)
