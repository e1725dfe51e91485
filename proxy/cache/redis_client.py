"""Commands in, replies out, whatever stands behind the URL: the rest of the cache knows no redis-py."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from redis.asyncio import ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import MovedError

from proxy.cache.redis_connections import Means, tls_context, unix
from proxy.cache.redis_errors import RedisFailed, kind_of
from proxy.cache.redis_names import RedisNames
from proxy.cache.redis_settings import read_settings

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
# Commands whose replies redis-py would read on: given one that it has not foreseen, it would raise in the
# middle of an exchange, and leave the replies behind it to whoever uses the connection next.
_READ_BY_US = ("SET", "EXPIRE", "XRANGE", "XREVRANGE")


class RedisClient:
    """Asks one Redis, over connections that it makes when they are needed. Never tries anything twice."""

    def __init__(self, settings: RedisSettings, names: RedisNames | None = None) -> None:
        """Remember what to connect to.

        Raises:
            ValueError: the settings can't be meant like that.
        """
        self._settings = settings
        self._address = read_settings(settings)
        self._names = names or RedisNames()
        self._client: Redis | RedisCluster | None = None
        self._sentinel: Sentinel | None = None

    async def renew(self) -> None:
        """Let all connections go, and forget where the nodes are; read the TLS files again.

        Raises:
            RedisFailed: a file can't be read.
        """
        await self.close()
        context = None
        if self._address.tls:
            try:
                context = await asyncio.to_thread(tls_context, self._settings)
            except OSError as error:  # an ssl.SSLError is one
                raise RedisFailed("denied") from error
        options = _options(self._settings, self._address)
        means = Means(self._names, context)
        match self._address.topology:
            case "cluster":
                self._client = _cluster(self._address, options, means.to_host())
            case "sentinel":
                self._sentinel = _sentinel(self._settings, self._address, means.to_host())
                self._client = _master(self._sentinel, self._address.service, options | means.to_master())
            case "unix":
                self._client = Redis.from_pool(ConnectionPool(**options, **unix(self._address.path)))
            case _:
                self._client = _single(self._address.hosts[0], options | means.to_host())
        for name in _READ_BY_US:
            self._client.set_response_callback(name, _as_it_came)

    async def ask(self, commands: Sequence[Command], timeout: float) -> list[Any]:  # noqa: ASYNC109
        """Return the replies, in their order; a `RedisFailed` in the place of one that is an error.

        Raises:
            RedisFailed: there is no answer, or none that could be trusted.
        """
        if self._client is None:
            raise RedisFailed("connection")
        try:
            async with asyncio.timeout(timeout):
                replies = await _exchange(self._client, commands)
        except Exception as error:
            raise RedisFailed(kind_of(error)) from error
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


async def _exchange(client: Redis | RedisCluster, commands: Sequence[Command]) -> list[Any]:
    """Return the replies; in the place of one that is an error, an exception.

    What a node of a cluster no longer has, or not all of it yet, is such an error. redis-py would ask another
    node, for up to half a second, while all that was asked for together waits. A slot that has moved for good
    is remembered, so that it is only missed once.
    """
    pipeline: Any = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    if not isinstance(client, RedisCluster):
        return list(await pipeline.execute(raise_on_error=False))
    replies = await pipeline.execute(raise_on_error=False, allow_redirections=False)
    for reply in replies:
        if isinstance(reply, MovedError):
            await client.nodes_manager.move_slot(reply)
    return list(replies)


def _as_it_came(response: Any, **_options: Any) -> Any:
    return response


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


def _single(host: tuple[str, int], options: dict[str, Any]) -> Redis:
    return Redis.from_pool(ConnectionPool(**options, host=host[0], port=host[1]))


def _cluster(address: Address, options: dict[str, Any], connections: dict[str, Any]) -> RedisCluster:
    nodes = [ClusterNode(*host) for host in address.hosts]
    client = RedisCluster(startup_nodes=nodes, **{k: v for k, v in options.items() if k != "db"})
    # It takes no connection class, so it is given one in the way in which it gives options to nodes itself.
    client.nodes_manager.connection_kwargs |= connections
    for node in client.nodes_manager.startup_nodes.values():
        node.connection_class = connections["connection_class"]
        node.connection_kwargs |= {k: v for k, v in connections.items() if k != "connection_class"}
    return client


def _sentinel(settings: RedisSettings, address: Address, connections: dict[str, Any]) -> Sentinel:
    options = _options(settings, address) | {
        "username": settings.sentinel_username,
        "password": settings.sentinel_password,
        "db": 0,
        "socket_timeout": _CONNECT_SENTINEL,
        "socket_connect_timeout": _CONNECT_SENTINEL,
    }
    sentinel = Sentinel([])  # type: ignore[no-untyped-call]  # not typed as of redis-py 8.1
    sentinel.sentinels = [_single(host, options | connections) for host in address.hosts]
    return sentinel


def _master(sentinel: Sentinel, service: str, options: dict[str, Any]) -> Redis:
    pool = SentinelConnectionPool(service, sentinel, **options)  # type: ignore[no-untyped-call]  # as above
    return Redis.from_pool(pool)
