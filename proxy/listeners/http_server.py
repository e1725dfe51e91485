"""The sockets of one listener: accepts connections, lets go of slow ones, and drains before it closes.

Who answers may change while it listens: requests that have begun are answered by whom they came to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import http_parser, web

from proxy.errors import BadConfig, Mistake
from proxy.listeners.http_connection import Connection, HttpLimits
from proxy.places import Place
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    Answer: TypeAlias = Callable[[web.BaseRequest, Connection], Awaitable[web.StreamResponse]]

_SWEEPS_PER_TIMEOUT = 10


class InFlight:
    """Counts what is being served."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()

    def begin(self) -> None:
        """Mark the start of a request."""
        self._count += 1

    def __len__(self) -> int:
        """Count the requests."""
        return self._count

    def end(self) -> None:
        """Mark the end of a request."""
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def until_none(self, patience: float | None = None) -> None:
        """Wait until nothing is served any more, for so many seconds at most."""
        if not self._count:
            return
        self._idle.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._idle.wait()


class Turn(NamedTuple):
    """Who answers for a while, and what is being answered there."""

    answer: Answer
    in_flight: InFlight


class HttpServer:
    """Serves HTTP/1.1 at one address; what is answered is up to `answer`."""

    def __init__(
        self,
        answer: Answer,
        *,
        host: str,
        port: int,
        owner: tuple[str, str],
        limits: HttpLimits | None = None,
    ) -> None:
        """Take what answers; port 0 is any free one, `owner` the place of the address in the policy."""
        self._turn = Turn(answer, InFlight())
        self._in_flight = InFlight()
        self._host = host
        self._port = port
        self._owner = owner
        self.limits = limits or HttpLimits()
        self._clients: set[Connection] = set()
        self._draining = False
        self._tasks = Tasks()
        self._sockets: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are listened on, once started."""
        assert self._sockets is not None, "not started"
        host, port, *_ = self._sockets.sockets[0].getsockname()
        return host, port

    @property
    def turn(self) -> Turn:
        """The requests of who answers now."""
        return self._turn

    def hand_over(self, answer: Answer, limits: HttpLimits) -> None:
        """Have somebody else answer from now on; new connections get the new limits."""
        self._turn = Turn(answer, InFlight())
        self.limits = limits

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def keeps_alive(self, request: web.BaseRequest) -> bool:
        """Say whether another request may follow on its connection."""
        return bool(request.keep_alive) and not self._draining

    async def start(self) -> None:
        """Listen.

        Raises:
            BadConfig: the address can't be bound, or the fast HTTP parser is missing.
        """
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise BadConfig(
                (
                    Mistake(
                        "(installation)",
                        "aiohttp",
                        "pure Python, without its C extension",
                        "a build with the C parser; AIOHTTP_NO_EXTENSIONS unset",
                    ),
                )
            )
        loop = asyncio.get_running_loop()
        server = web.Server(self._serve, handler_cancellation=True)
        try:
            self._sockets = await loop.create_server(
                lambda: Connection(server, self._clients, self.limits, loop),
                self._host,
                self._port,
                backlog=1024,
            )
        except OSError as error:
            place = str(Place(self._host, self._port))
            raise BadConfig((Mistake(*self._owner, place, f"a free address; {_why(error)}"),)) from error
        self._tasks.spawn(self._sweep(), f"sweep {self._owner[0]}")

    def drain(self) -> None:
        """Go on, but have every answer end its connection."""
        self._draining = True

    async def close(self, grace: float) -> int:
        """Stop accepting, let the requests in flight end for up to `grace` seconds, then cancel them.

        Returns how many were cancelled. Called again meanwhile, the shorter grace counts.
        """
        if self._sockets is None:
            return 0
        self._sockets.close()
        self.drain()
        for client in tuple(self._clients):
            if not client.serving:
                client.force_close()
        await self._in_flight.until_none(grace)
        cut_off = len(self._in_flight)
        for client in tuple(self._clients):
            client.force_close()
        # Cancelled requests end at once; this only keeps what they use from being closed under them.
        await self._in_flight.until_none(1.0)
        await self._tasks.close()
        return cut_off

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the framework calls this for every head that it could parse."""
        client = request.protocol
        assert isinstance(client, Connection)
        answer, in_flight = self._turn
        client.begin()
        in_flight.begin()
        self._in_flight.begin()
        try:
            return await answer(request, client)
        finally:
            client.end()
            in_flight.end()
            self._in_flight.end()

    async def _sweep(self) -> None:
        """Check the patience with every client, for ever."""
        shortest = min(self.limits.head_timeout, self.limits.body_timeout)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(shortest / _SWEEPS_PER_TIMEOUT)
            now = loop.time()
            for client in tuple(self._clients):
                client.check_patience(now)


def _why(error: OSError) -> str:
    """Say why an address can't be bound, in the system's words: the event loop's repeat the address."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or "unusable"
    return os.strerror(error.errno).lower()
