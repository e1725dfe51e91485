"""One store over HTTP/1.1: a pool of connections that changes no byte of what passes through.

A failure to get an answer is `Unanswerable`, whatever its cause:

    upstream_unreachable   no connection, or one that was closed without an answer
    upstream_timeout       no connection in time, or silence for too long
    upstream_junk          an answer that is not HTTP, or is cut off
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from proxy.errors import UPSTREAM_JUNK, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, Oversized, Unanswerable
from proxy.model import WireResponse
from proxy.upstream.decoding import decode
from proxy.upstream.http_headers import request_headers, response_headers
from proxy.upstream.sight import Sight

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from types import TracebackType

    from proxy.model import WireRequest

# Stores close idle connections after 5 s (actix, uvicorn); a pooled one must be given up before that.
POOLED_IDLE = 4.0
CONNECT_TIMEOUT = 5.0
# What the client library would otherwise add to a request by itself.
_AUTO_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
# What ends without an answer. A name that can't be one is a UnicodeError.
_FAILURES = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
# Headers of an answer: as generous as common servers and clients.
_MAX_HEADER_LINE = 64 * 1024


class HttpUpstream:
    """The client side of one store."""

    def __init__(
        self,
        base_url: str,
        *,
        silence_timeout: float = 300.0,
        connections: int = 0,
        max_body: int = 16 * 1024 * 1024,
    ) -> None:
        """Take the store's URL, which may have a path prefix; nothing is opened before `start`.

        Args:
            base_url: `http` or `https`; certificates are verified.
            silence_timeout: longest time without a byte from the store, in seconds.
            connections: most open at once, 0 for as many as there are requests.
            max_body: largest body that `fetch` holds in memory, in bytes, also after decoding.
        """
        url = URL(base_url, encoded=True)
        self._origin = url.with_path("", encoded=True)
        self._prefix = url.raw_path.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence_timeout
        )
        self._connections = connections
        self._max_body = max_body
        self.sight = Sight()
        self._open = False
        self._pooled: aiohttp.ClientSession
        self._fresh: aiohttp.ClientSession

    async def start(self) -> None:
        """Open the pool, unless it is open; connections are made when they are needed."""
        if self._open:
            return
        self._open = True
        self._pooled = self._session(
            aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=POOLED_IDLE)
        )
        # For a second try: never a pooled socket, which may be as dead as the first.
        self._fresh = self._session(aiohttp.TCPConnector(limit=self._connections, force_close=True))

    async def close(self) -> None:
        """Close every connection."""
        if not self._open:
            return
        self._open = False
        await self._pooled.close()
        await self._fresh.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def fetch(self, request: WireRequest) -> WireResponse:
        """Return the whole answer to a search, without content coding, with its end-to-end headers only.

        Searches are reads: one that dies with its pooled connection is sent once more on a fresh one.

        Raises:
            Oversized: the answer is larger than `max_body`.
            Undecodable: it has a content coding that was not asked for.
            Unanswerable: there is no answer, or not a whole one.
        """
        headers = request_headers(request.headers.items())
        headers["Accept-Encoding"] = "identity"
        response = await self.send(request.method, request.target, headers, request.body or None, again=True)
        try:
            body = await self._read(response)
        finally:
            response.release()
        kept = CIMultiDict(
            (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in response_headers(response.raw_headers)
        )
        body = decode(body, ",".join(kept.popall("Content-Encoding", ())), self._max_body)
        return WireResponse(response.status, CIMultiDictProxy(kept), body)

    async def send(
        self,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        body: bytes | AsyncIterable[bytes] | None,
        *,
        again: bool = False,
    ) -> aiohttp.ClientResponse:
        """Send a request and return the answer as soon as its headers are there; the caller releases it.

        Args:
            method: as it came.
            target: the raw path with its query string, starting with a slash; not one byte of it is changed.
            headers: end-to-end ones; Content-Length only along with a stream of that length.
            body: bytes, a stream (chunked unless its length is in the headers) or nothing.
            again: the request is a read with its body in memory, so it may be sent a second time.

        Raises:
            Unanswerable: there is no answer.
        """
        try:
            response = await self._sent(method, target, headers, body, again=again)
        except Unanswerable as error:
            self.sight.failed(error.fault.error)
            raise
        self.sight.answered()
        return response

    async def _sent(
        self,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        body: bytes | AsyncIterable[bytes] | None,
        *,
        again: bool,
    ) -> aiohttp.ClientResponse:
        # The target is not split into path and query: `/x?` and `/x` are two targets, and stay so.
        url = self._origin.with_path(self._prefix + target, encoded=True)
        try:
            return await self._request(self._pooled, method, url, headers, body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not again or isinstance(error, aiohttp.ClientConnectorError):
                raise unanswerable(error) from error
        except _FAILURES as error:
            raise unanswerable(error) from error
        try:
            return await self._request(self._fresh, method, url, headers, body)
        except _FAILURES as error:
            raise unanswerable(error) from error

    async def _request(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes | AsyncIterable[bytes] | None,
    ) -> aiohttp.ClientResponse:
        response = await session.request(method, url, headers=headers, data=body, allow_redirects=False)
        coding = response.headers.get(hdrs.TRANSFER_ENCODING)
        if (
            coding is not None and (coding.lower() != "chunked" or hdrs.CONTENT_LENGTH in response.headers)
        ) or (
            response.status == 101  # no upgrade was asked for
        ):
            response.close()
            raise Unanswerable(UPSTREAM_JUNK, "the store's answer is framed in a way that can't be passed on")
        return response

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        announced = response.content_length
        if announced is not None and announced > self._max_body:
            raise Oversized("an answer")
        chunks: list[bytes] = []
        room = self._max_body
        try:
            while chunk := await response.content.readany():
                chunks.append(chunk)
                room -= len(chunk)
                if room < 0:
                    raise Oversized("an answer")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswerable(error) from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTO_HEADERS,
            trust_env=False,
            max_line_size=_MAX_HEADER_LINE,
            max_field_size=_MAX_HEADER_LINE,
        )


def unanswerable(error: Exception) -> Unanswerable:
    """Translate a failure of the client library, without its text, which may quote the message."""
    if isinstance(error, TimeoutError):
        return Unanswerable(UPSTREAM_TIMEOUT, "the store did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorError | UnicodeError):
        return Unanswerable(UPSTREAM_UNREACHABLE, "no connection to the store")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unanswerable(UPSTREAM_JUNK, "the store's answer is cut off")
    if isinstance(error, aiohttp.ClientResponseError):
        return Unanswerable(UPSTREAM_JUNK, "the store's answer is not HTTP")
    return Unanswerable(UPSTREAM_UNREACHABLE, "the store closed the connection without an answer")
