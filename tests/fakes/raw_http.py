"""Both ends of HTTP/1.1 as bare sockets: what is written is what goes over the wire, however odd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Message:
    """A request or an answer as it was read: start line, header lines in order, body without its framing."""

    start: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of a header, by its exact spelling."""
        return [value for key, value in self.headers if key == name]

    def names(self) -> set[bytes]:
        """Return the names of all headers in lower case."""
        return {name.lower() for name, _ in self.headers}

    @property
    def status(self) -> int:
        """Return an answer's status."""
        return int(self.start.split(b" ")[1])

    @property
    def target(self) -> bytes:
        """Return a request's target."""
        return self.start.split(b" ")[1]


async def read_message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Message:
    """Read one message; a body without length or chunks lasts until the end of the stream if it is an answer.

    Raises:
        asyncio.IncompleteReadError: the connection ended before the message did.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    start, *lines = head[:-4].split(b"\r\n")
    headers = tuple((name, value) for name, _, value in (line.partition(b": ") for line in lines))
    known = {name.lower(): value for name, value in headers}
    if bodiless or start.split(b" ")[1] in (b"100", b"204", b"304"):
        body = b""
    elif known.get(b"transfer-encoding") == b"chunked":
        body = await _read_chunks(reader)
    elif b"content-length" in known:
        body = await reader.readexactly(int(known[b"content-length"]))
    else:
        body = await reader.read() if start.startswith(b"HTTP/") else b""
    return Message(start, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return body


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawStore:
    """A store that answers every request with the same bytes, or each connection with a script of its own."""

    answer: bytes | Serve = OK
    close_after_answer: bool = False
    requests: list[Message] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if callable(self.answer):
                await self.answer(reader, writer)
            else:
                await self._repeat(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _repeat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.requests.append(await read_message(reader))
            writer.write(self.answer)
            await writer.drain()
            if self.close_after_answer:
                return


@dataclass
class RawClient:
    """One client connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        """Write bytes; they go out at once."""
        self.writer.write(data)

    async def answer(self, *, bodiless: bool = False) -> Message:
        """Read one answer."""
        return await read_message(self.reader, bodiless=bodiless)

    async def rest(self) -> bytes:
        """Read until the connection ends."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def ask(self, data: bytes) -> Message:
        """Write a request and read its answer."""
        self.send(data)
        return await self.answer()


@asynccontextmanager
async def connected(address: tuple[str, int]):
    """Yield a client that is connected to an address."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
