"""The one client of rerank APIs and LLMs: POST a body, get a whole answer, in time and within bounds.

It follows no redirect, keeps no cookie, obeys no proxy of the environment, and verifies certificates. What it
raises names no address, header or body: those may hold keys and documents.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from proxy.errors import BadConfig, Mistake
from proxy.model import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

# Largest body of an answer, after decoding: some servers send a thousand documents back with the scores.
MAX_BYTES = 16 * 2**20
# Load balancers close what is idle for a minute; an idle connection must be given up before that.
_POOLED_IDLE = 50.0
# Gzip is what every server has; others would need packages to undo them.
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "gzip"}


class Reply(NamedTuple):
    """An answer of any status but a redirect; `body` carries no content coding.

    Of an error that is larger than wanted it is only the start.
    """

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class RemoteFailed(Exception):
    """There is no answer, or none of use.

    `reason` is counted. `retry_after` are the seconds for which the server wants to be left alone, if it said
    so. `transient`: the same request may work at once, on another connection or at another server. `sent`: it
    may have reached the server.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        retry_after: float | None = None,
        transient: bool = False,
        sent: bool = True,
    ) -> None:
        """Keep what is known; the message is the reason alone."""
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after
        self.transient = transient
        self.sent = sent


class RemoteHttp:
    """A pool of connections that are kept alive, to as many hosts as are asked."""

    def __init__(
        self, *, ca_file: str | None = None, max_bytes: int = MAX_BYTES, max_connections: int = 64
    ) -> None:
        """Take what bounds it; nothing is opened or read before `start`.

        Args:
            ca_file: certificates to trust, PEM, in place of the system's.
            max_bytes: largest body of an answer, also after decoding, where a post does not say.
            max_connections: most open at once; further posts wait, until their deadline.
        """
        self._ca_file = ca_file
        self._max_bytes = max_bytes
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Read the certificates, off the event loop; connections are made when they are needed.

        Raises:
            BadConfig: `ca_file` can't be read, or holds no certificates.
        """
        try:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
        except OSError as error:  # an SSLError is one
            what = "certificates in PEM form that can be read"
            raise BadConfig((Mistake("(policy)", "ca_file", repr(self._ca_file), what),)) from error
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context, limit=self._max_connections, keepalive_timeout=_POOLED_IDLE
            ),
            # The caller's deadline is the one limit.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection; posts under way fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        deadline: float,
        max_bytes: int | None = None,
    ) -> Reply:
        """Return the answer to a POST, of whatever status, before `deadline`: an event-loop time.

        Its body has `max_bytes` at most, or as many as is said for all.

        Raises:
            RemoteFailed: `late`; `remote_error` without a connection, or where it was lost; `bad_response`
                for a redirect, an answer that is too large, or one that is not HTTP.
        """
        if self._session is None:
            raise RemoteFailed(Reason.WARMING)
        if deadline <= asyncio.get_running_loop().time():
            raise RemoteFailed(Reason.LATE)
        try:
            async with (
                asyncio.timeout_at(deadline if deadline < math.inf else None),
                self._session.post(
                    url, data=body, headers={**headers, **_ACCEPTED}, allow_redirects=False
                ) as response,
            ):
                if 300 <= response.status < 400:
                    # Whoever could redirect would get the documents and the key.
                    raise RemoteFailed(Reason.BAD_RESPONSE)
                room = self._max_bytes if max_bytes is None else max_bytes
                return Reply(response.status, response.headers, await _read(response, room))
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise _failed(error) from None


async def _read(response: aiohttp.ClientResponse, room: int) -> bytes:
    """Return the body, whole or not at all; leaving a response before its end closes the connection.

    An error may quote what it was sent: of that its start will do, as it is the status that counts.
    """
    chunks: list[bytes] = []
    whole = response.status < 400
    if whole and (response.content_length or 0) > room:
        raise RemoteFailed(Reason.BAD_RESPONSE)
    while chunk := await response.content.readany():
        chunks.append(chunk[:room])
        room -= len(chunk)
        if room < 0 and whole:
            raise RemoteFailed(Reason.BAD_RESPONSE)
        if room <= 0 and not whole:
            break
    return b"".join(chunks)


def _failed(error: Exception) -> RemoteFailed:
    """Translate a failure of the client library, without its text, which may quote the message."""
    match error:
        case TimeoutError():
            return RemoteFailed(Reason.LATE)
        case aiohttp.ClientSSLError():
            # A certificate that is not accepted now will not be in a moment.
            return RemoteFailed(Reason.REMOTE_ERROR, sent=False)
        case aiohttp.ClientConnectorError():
            return RemoteFailed(Reason.REMOTE_ERROR, transient=True, sent=False)
        case aiohttp.ClientResponseError():
            return RemoteFailed(Reason.BAD_RESPONSE)
        case aiohttp.ClientPayloadError():
            # Cut off, or with a damaged coding; the next may be whole.
            return RemoteFailed(Reason.BAD_RESPONSE, transient=True)
        case _:
            return RemoteFailed(Reason.REMOTE_ERROR, transient=True)
