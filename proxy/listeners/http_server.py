"""The sockets of one listener: accepts connections, lets go of slow ones, and drains before it closes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import http_parser, web

from proxy.errors import BadConfig, Mistake
from proxy.listeners.http_connection import Connection, HttpLimits
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Answer = Callable[[web.BaseRequest, Connection], Awaitable[web.StreamResponse]]

_SWEEPS_PER_TIMEOUT = 10


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
        self._answer = answer
        self._host = host
        self._port = port
        self._owner = owner
        self.limits = limits or HttpLimits()
        self._clients: set[Connection] = set()
        self._serving = 0
        self._idle = asyncio.Event()
        self._draining = False
        self._tasks = Tasks()
        self._sockets: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are listened on, once started."""
        assert self._sockets is not None, "not started"
        host, port, *_ = self._sockets.sockets[0].getsockname()
        return host, port

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
            why = error.strerror or "unusable"
            place = f"{self._host}:{self._port}"
            raise BadConfig((Mistake(*self._owner, place, f"a free address; {why}"),)) from error
        self._tasks.spawn(self._sweep(), f"sweep {self._owner[0]}")

    async def close(self, grace: float) -> None:
        """Stop accepting, let the requests in flight end for up to `grace` seconds, then cancel them."""
        if self._sockets is None:
            return
        self._sockets.close()
        self._draining = True
        for client in tuple(self._clients):
            if not client.serving:
                client.force_close()
        await self._until_idle(grace)
        for client in tuple(self._clients):
            client.force_close()
        # Cancelled requests end at once; this only keeps what they use from being closed under them.
        await self._until_idle(1.0)
        await self._tasks.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the framework calls this for every head that it could parse."""
        client = request.protocol
        assert isinstance(client, Connection)
        client.begin()
        self._serving += 1
        try:
            return await self._answer(request, client)
        finally:
            client.end()
            self._serving -= 1
            if not self._serving:
                self._idle.set()

    async def _until_idle(self, patience: float) -> None:
        """Wait until nothing is served any more, for so many seconds at most."""
        if not self._serving:
            return
        self._idle.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._idle.wait()

    async def _sweep(self) -> None:
        """Check the patience with every client, for ever."""
        shortest = min(self.limits.head_timeout, self.limits.body_timeout)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(shortest / _SWEEPS_PER_TIMEOUT)
            now = loop.time()
            for client in tuple(self._clients):
                client.check_patience(now)
