"""The one file that knows redis-py: commands in, replies out, whatever stands behind the URL."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import (
    Connection,
    ConnectionPool,
    Redis,
    RedisCluster,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff

from proxy.cache.redis_errors import RedisFailed, kind_of
from proxy.cache.redis_settings import read_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.cache.redis_settings import Address, RedisSettings

# A command: its name, then its arguments.
Command = tuple[bytes | str | int, ...]

# More than the tasks that ever ask at the same time: readers, the writer, and two that look around.
_MAX_CONNECTIONS = 16
# Seconds to connect; also what a connection gets to end in order. Sentinels are asked one after the other, so
# that each gets less.
_CONNECT, _CONNECT_SENTINEL = 1.0, 0.25
_CLOSE = 0.5


class RedisClient:
    """Asks one Redis, over connections that it makes when they are needed. Never tries anything twice."""

    def __init__(self, settings: RedisSettings) -> None:
        """Remember what to connect to.

        Raises:
            ValueError: the URL has no form that is known.
        """
        self._settings = settings
        self._address = read_url(settings.url)
        self._client: Redis | RedisCluster | None = None
        self._sentinel: Sentinel | None = None

    async def renew(self) -> None:
        """Let all connections go, and forget where the nodes are; read the TLS files again.

        Raises:
            RedisFailed: a file can't be read.
        """
        await self.close()
        try:
            context = await asyncio.to_thread(_tls_context, self._settings) if self._address.tls else None
        except OSError as error:  # an ssl.SSLError is one
            raise RedisFailed("denied") from error
        options = _options(self._settings, self._address)
        match self._address.topology:
            case "cluster":
                self._client = _cluster(self._address, options, context)
            case "sentinel":
                self._sentinel = _sentinel(self._settings, self._address, context)
                self._client = _master(self._sentinel, self._address, options, context)
            case "unix":
                options |= {"connection_class": UnixDomainSocketConnection, "path": self._address.path}
                self._client = Redis.from_pool(ConnectionPool(**options))
            case "single":
                self._client = _single(self._address.hosts[0], options, context)

    async def ask(self, commands: Sequence[Command], timeout: float) -> list[Any]:  # noqa: ASYNC109
        """Return the replies, in their order; a `RedisFailed` in the place of one that is an error.

        Raises:
            RedisFailed: there is no answer, or none that could be trusted.
        """
        if self._client is None:
            raise RedisFailed("connection")
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            async with asyncio.timeout(timeout):
                replies = await pipeline.execute(raise_on_error=False)
        except Exception as error:
            raise RedisFailed(kind_of(error)) from error
        if len(replies) != len(commands):
            raise RedisFailed("garbage")
        failures = [_failure(reply) for reply in replies]
        for failure in failures:
            # Redis Cluster tells of a lost node in the place of a reply.
            if failure is not None and failure.kind in ("connection", "garbage"):
                raise failure
        return [failure or reply for reply, failure in zip(replies, failures, strict=True)]

    async def close(self) -> None:
        """Let all connections go, in half a second at most."""
        client, self._client = self._client, None
        sentinel, self._sentinel = self._sentinel, None
        for one in (client, sentinel):
            if one is not None:
                # Whatever it is, the connection is of no more use.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(_CLOSE):
                        await one.aclose()


def _failure(reply: object) -> RedisFailed | None:
    if not isinstance(reply, Exception):
        return None
    failure = RedisFailed(kind_of(reply))
    failure.__cause__ = reply
    return failure


def _options(settings: RedisSettings, address: Address) -> dict[str, Any]:
    """Return what all connections to data nodes have in common.

    No timeout but for connecting: whoever asks has one of his own, and each of redis-py's costs a task. No
    retries: a value that is late is worth nothing. RESP2, which all servers speak.
    """
    return {
        "username": settings.username or address.username,
        "password": settings.password or address.password,
        "db": address.db,
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": _CONNECT,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
        # Else every connection would look up redis-py's version on the disk, to tell it to the server.
        "driver_info": None,
    }


def _single(host: tuple[str, int], options: dict[str, Any], context: ssl.SSLContext | None) -> Redis:
    options = options | {"host": host[0], "port": host[1], "connection_class": Connection}
    if context is not None:
        options |= {"connection_class": _TlsConnection, "context": context}
    return Redis.from_pool(ConnectionPool(**options))


def _cluster(address: Address, options: dict[str, Any], context: ssl.SSLContext | None) -> RedisCluster:
    nodes = [ClusterNode(*host) for host in address.hosts]
    client = RedisCluster(startup_nodes=nodes, **{k: v for k, v in options.items() if k != "db"})
    if context is not None:
        # It takes no connection class, so it is given one the way it gives them options itself.
        client.nodes_manager.connection_kwargs |= {"connection_class": _TlsConnection, "context": context}
        for node in client.nodes_manager.startup_nodes.values():
            node.connection_class = _TlsConnection
            node.connection_kwargs["context"] = context
    return client


def _sentinel(settings: RedisSettings, address: Address, context: ssl.SSLContext | None) -> Sentinel:
    options = _options(settings, address) | {
        "username": settings.sentinel_username,
        "password": settings.sentinel_password,
        "db": 0,
        "socket_timeout": _CONNECT_SENTINEL,
        "socket_connect_timeout": _CONNECT_SENTINEL,
    }
    sentinel = Sentinel([])  # type: ignore[no-untyped-call]  # not typed as of redis-py 8.1
    sentinel.sentinels = [_single(host, options, context) for host in address.hosts]
    return sentinel


def _master(
    sentinel: Sentinel, address: Address, options: dict[str, Any], context: ssl.SSLContext | None
) -> Redis:
    if context is None:
        options = options | {"connection_class": SentinelManagedConnection}
    else:
        options = options | {"connection_class": _TlsSentinelConnection, "context": context}
    pool = SentinelConnectionPool(address.service, sentinel, **options)  # type: ignore[no-untyped-call]  # same
    return Redis.from_pool(pool)


def _tls_context(settings: RedisSettings) -> ssl.SSLContext:
    """Return a context that verifies chain and host name. Reads files: blocks."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


class _Ready:
    """A context where redis-py would make one for every connection: 25 ms on the event loop, each."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def get(self) -> ssl.SSLContext:
        return self._context


class _TlsConnection(SSLConnection):
    def __init__(self, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context = cast("Any", _Ready(context))


class _TlsSentinelConnection(SentinelManagedConnection, _TlsConnection):
    pass
