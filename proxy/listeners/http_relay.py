"""A store's answer on its way to the app: every piece goes on as it comes, and a cut stays a cut."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import HttpVersion11, hdrs, web

from proxy.listeners.http_response import LAST_CHUNK, Written, chunk, is_empty, passing_head
from proxy.upstream.http import unanswerable

if TYPE_CHECKING:
    from proxy.listeners.http_connection import Connection
    from proxy.listeners.http_copy import Copy

_log = logging.getLogger(__name__)

# How reading from the store fails. Writing to the client fails in the same ways, so the two are kept apart.
_CUT = (aiohttp.ClientError, TimeoutError, OSError)


async def relay(
    response: aiohttp.ClientResponse,
    request: web.BaseRequest,
    client: Connection,
    *,
    keep_alive: bool,
    extra: tuple[tuple[str, str], ...] = (),
    copy: Copy | None = None,
) -> Written:
    """Write a store's answer with `extra` headers, and say whether another request may follow.

    An answer that the store cuts off is cut off here too: the connection is closed without the end that the
    framing promised.

    Raises:
        Unanswerable: the answer was cut off before anything of it has been written.
        ConnectionError: the client has gone.
    """
    empty = is_empty(response, request)
    counted = empty or hdrs.CONTENT_LENGTH in response.headers
    chunked = not counted and request.version >= HttpVersion11
    # HTTP/1.0 marks the end of an uncounted body by closing.
    keep_alive = keep_alive and (counted or chunked)
    out = passing_head(response, request, extra, chunked=chunked, keep_alive=keep_alive)
    content = response.content
    try:
        piece = content.read_nowait()  # what came along with the head goes on along with it
    except _CUT as error:
        raise unanswerable(error) from error
    client.answering = True
    while not empty:
        if copy is not None:
            copy.add(piece)
        out += chunk(piece) if chunked else piece
        if content.at_eof():
            break
        await request.writer.write(out)
        out = b""
        try:
            piece = await content.readany()
        except _CUT:
            _log.warning("answer cut off by the store")
            return Written(keep_alive=False, status=response.status)
    if chunked:
        out += LAST_CHUNK
    if out:
        await request.writer.write(out)
    if copy is not None:
        copy.end()
    return Written(keep_alive=keep_alive, status=response.status)
