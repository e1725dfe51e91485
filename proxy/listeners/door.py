"""What all listeners have in common: an address, and that another may go on at it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from proxy.listeners.http_server import HttpServer

if TYPE_CHECKING:
    from aiohttp import web

    from proxy.listeners.http_connection import Connection, HttpLimits


_log = logging.getLogger(__name__)


class Door:
    """Listens at one address; what is answered there is up to its heirs."""

    def __init__(self, host: str, port: int, *, owner: tuple[str, str], limits: HttpLimits) -> None:
        """Take where to listen; port 0 is any free one, `owner` the place of the address in the policy."""
        self._owner = owner
        self._limits = limits
        self._server = HttpServer(self._answer, host=host, port=port, owner=owner, limits=limits)
        self._in_flight = self._server.turn.in_flight

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are listened on, once started."""
        return self._server.address

    async def start(self) -> None:
        """Listen.

        Raises:
            BadConfig: the address can't be bound, or the fast HTTP parser is missing.
        """
        await self._server.start()
        _log.info("listening", extra={"key": " ".join(self._owner), "at": "{}:{}".format(*self.address)})

    def succeed(self, former: Self) -> None:
        """Instead of listening, take over the sockets of another: what comes from now on is answered here."""
        self._server = former._server
        self._server.hand_over(self._answer, self._limits)
        self._in_flight = self._server.turn.in_flight

    async def finish(self) -> None:
        """Wait, after somebody has taken over, until what came before has been answered."""
        await self._in_flight.until_none()

    async def close(self, grace: float) -> None:
        """Stop accepting, let the requests in flight end for up to `grace` seconds, then cancel them."""
        await self._server.close(grace)

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        raise NotImplementedError
