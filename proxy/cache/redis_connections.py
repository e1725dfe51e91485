"""Connections as redis-py makes them, but for three things that it does on the event loop.

1. Closing: what the system has not taken yet is thrown away. Else a connection to a server that has stopped
   reading would wait for it, and stay.
2. TLS: the files are read before, off the loop. redis-py would read them for every connection, and the
   authorities of the system with them: 25 ms each.
3. Names: they are looked up by `redis_names.py`, and connections are made to addresses. A certificate is
   verified for the name all the same.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.cache.redis_names import RedisNames
    from proxy.cache.redis_settings import RedisSettings


class _Abrupt(AbstractConnection):
    async def disconnect(self, nowait: bool = False, *why: Any, **whys: Any) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *why, **whys)


class _Plain(_Abrupt, Connection):
    def __init__(self, *, names: RedisNames, **options: Any) -> None:
        super().__init__(**options)
        self._names = names
        self._address = ""

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.socket_connect_timeout):
                await self._connect_to_one_of(await self._names.addresses(self.host))
        except (OSError, asyncio.CancelledError):
            self._names.forget(self.host)
            raise

    async def _connect_to_one_of(self, addresses: Sequence[str]) -> None:
        failure = OSError("no address")
        for self._address in addresses:
            try:
                await super()._connect()  # type: ignore[no-untyped-call]  # not typed as of redis-py 8.1
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self._address}


class _Unix(_Abrupt, UnixDomainSocketConnection):
    pass


class _Tls(_Plain, SSLConnection):
    def __init__(self, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context = cast("Any", _Ready(context))

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "server_hostname": self.host}


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


class Means(NamedTuple):
    """What it takes to connect to a host: who knows its address, and a context if it is to be by TLS."""

    names: RedisNames
    context: ssl.SSLContext | None = None

    def to_host(self) -> dict[str, Any]:
        """Return the options by which a client gets connections to a host."""
        return self._options(_Plain, _Tls)

    def to_master(self) -> dict[str, Any]:
        """Return the options by which a client gets connections to the master that a sentinel names."""
        return self._options(_Managed, _ManagedTls)

    def _options(self, plain: type[_Plain], tls: type[_Tls]) -> dict[str, Any]:
        if self.context is None:
            return {"connection_class": plain, "names": self.names}
        return {"connection_class": tls, "names": self.names, "context": self.context}


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
        # An empty password, so that a key that has one is an error: OpenSSL would ask for it at the terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: "")
    return context
