"""Content codings, undone within bounds: a small body may unfold into a huge one."""

from __future__ import annotations

import zlib

from proxy.errors import Oversized, Undecodable

# wbits of zlib: +32 detects a gzip or zlib header. Some servers send `deflate` without one; see below.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def decode(body: bytes, coding: str, limit: int) -> bytes:
    """Return `body` with its content coding undone.

    Raises:
        Oversized: more than `limit` bytes come out.
        Undecodable: the coding was not asked for and is not known, or the body is damaged.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise Undecodable("a content coding that was not asked for")
    try:
        return _inflate(body, _GZIP_OR_ZLIB, limit)
    except zlib.error as error:
        if coding == "deflate":
            try:
                return _inflate(body, -zlib.MAX_WBITS, limit)
            except zlib.error:
                pass
        raise Undecodable("a damaged content coding") from error


def _inflate(body: bytes, wbits: int, limit: int) -> bytes:
    stream = zlib.decompressobj(wbits)
    decoded = stream.decompress(body, limit + 1)
    if len(decoded) > limit:
        raise Oversized("a decoded body")
    if not stream.eof or stream.unused_data:
        raise zlib.error("not exactly one compressed stream")
    return decoded
