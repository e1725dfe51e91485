"""What all listeners have in common: an address, and that another may go on at it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from proxy.listeners.http_server import HttpServer
from proxy.places import Place

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

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self._server.connections

    async def start(self) -> None:
        """Listen.

        Raises:
            BadConfig: the address can't be bound, or the fast HTTP parser is missing.
        """
        await self._server.start()
        _log.info("listening", extra={"key": " ".join(self._owner), "at": str(Place(*self.address))})

    def succeed(self, former: Self) -> None:
        """Instead of listening, take over the sockets of another: what comes from now on is answered here."""
        self._server = former._server
        self._server.hand_over(self._answer, self._limits)
        self._in_flight = self._server.turn.in_flight

    def drain(self) -> None:
        """Go on, but have every answer end its connection, so that clients connect elsewhere."""
        self._server.drain()

    async def close(self, grace: float) -> int:
        """Stop accepting, let the requests in flight end for up to `grace` seconds, then cancel them.

        Returns how many were cancelled. Where somebody has taken over, the sockets are his: this waits until
        what came before has been answered.
        """
        if self._server.turn.in_flight is self._in_flight:
            return await self._server.close(grace)
        await self._in_flight.until_none()
        return 0

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        raise NotImplementedError
