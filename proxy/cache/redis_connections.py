"""Connections as redis-py makes them, but for two things that it does on the event loop.

1. Closing: what the system has not taken yet is thrown away. Else a connection to a server that has stopped
   reading would wait for it, and stay.
2. TLS: the files are read before, off the loop. redis-py would read them for every connection, and the
   authorities of the system with them: 25 ms each.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection

if TYPE_CHECKING:
    from proxy.cache.redis_settings import RedisSettings


class _Abrupt(AbstractConnection):
    async def disconnect(self, nowait: bool = False, *why: Any, **whys: Any) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *why, **whys)


class _Plain(_Abrupt, Connection):
    pass


class _Unix(_Abrupt, UnixDomainSocketConnection):
    pass


class _Tls(_Abrupt, SSLConnection):
    def __init__(self, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context = cast("Any", _Ready(context))


class _Managed(SentinelManagedConnection, _Plain):
    pass


class _ManagedTls(SentinelManagedConnection, _Tls):
    pass


class _Ready:
    """Stands where redis-py has what makes a context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def get(self) -> ssl.SSLContext:
        return self._context


def plain(context: ssl.SSLContext | None) -> dict[str, Any]:
    """Return the options by which a client gets connections to a host, with TLS if there is a context."""
    if context is None:
        return {"connection_class": _Plain}
    return {"connection_class": _Tls, "context": context}


def managed(context: ssl.SSLContext | None) -> dict[str, Any]:
    """Return the options by which a client gets connections to the master that a sentinel names."""
    if context is None:
        return {"connection_class": _Managed}
    return {"connection_class": _ManagedTls, "context": context}


def unix(path: str) -> dict[str, Any]:
    """Return the options by which a client gets connections to a socket of this machine."""
    return {"connection_class": _Unix, "path": path}


def tls_context(settings: RedisSettings) -> ssl.SSLContext:
    """Return a context that verifies chain and host name. Reads files: blocks.

    Raises:
        OSError: a file can't be read, or is none of that kind.
    """
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
