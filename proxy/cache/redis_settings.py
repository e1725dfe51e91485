"""Which Redis, and how to use it.

The forms of a URL; a port may be left out, user and password may stand before the hosts:

    redis://HOST:6379/0                     one server; `rediss` instead of `redis` is TLS, here and below
    redis+cluster://HOST:6379,HOST:6379     Redis Cluster: any of its nodes
    redis+sentinel://HOST:26379,HOST:26379/SERVICE/0
                                            the master of a service that these sentinels know
    unix:///PATH                            a socket of this machine

Nothing follows: there are no options after `?`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

Topology = Literal["single", "cluster", "sentinel", "unix"]

_TOPOLOGIES: dict[str, Topology] = {"": "single", "cluster": "cluster", "sentinel": "sentinel"}
_PORT, _SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """What the policy says. Times are in seconds.

    User and password are those of the data nodes, and stand in for the ones in the URL; sentinels have their
    own. With a `ca_file` only its authorities are trusted, else those of the system; `cert_file` and
    `key_file` show the server who we are. All are read anew whenever a lost server is looked for again.
    """

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    # In front of every key; no braces, which mean something to Redis Cluster.
    prefix: str = "midrank"
    # What a reader waits at most.
    timeout: float = 0.005
    # Between two looks at what others have changed.
    sync_seconds: float = 1.0
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    # Of what waits to be written.
    max_waiting_bytes: int = 8 * 2**20
    # Messages that are kept for replicas yet to come, and for how long.
    feed_length: int = 10_000
    feed_seconds: float = 3600.0


class Address(NamedTuple):
    """A URL, read."""

    topology: Topology
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    path: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = None


def read_settings(settings: RedisSettings) -> Address:
    """Return where to connect to.

    Raises:
        ValueError: the URL is none, or files are named that would not be used.
    """
    address = read_url(settings.url)
    check_files(address, settings.ca_file, settings.cert_file, settings.key_file)
    return address


def check_files(address: Address, ca_file: object, cert_file: object, key_file: object) -> None:
    """See that the TLS files that are named would be used.

    Raises:
        ValueError: one would not.
    """
    files = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    named = [name for name, file in files.items() if file is not None]
    if named and not address.tls:
        raise ValueError(f"{', '.join(named)}: only a Redis URL with rediss uses TLS")
    if key_file is not None and cert_file is None:
        raise ValueError("key_file: there is no cert_file that it could belong to")


def read_url(url: str) -> Address:
    """Return what a URL says.

    Raises:
        ValueError: it has none of the forms above; the message does not quote it, as it may hold a password.
    """
    if "?" in url or "#" in url:
        raise ValueError("a Redis URL has no options; ? and # in a password are written %3F and %23")
    scheme, _, rest = url.partition("://")
    if scheme == "unix" and rest.startswith("/"):
        return Address("unix", tls=False, hosts=(), path=rest)
    name, _, topology = scheme.partition("+")
    if name not in ("redis", "rediss") or topology not in _TOPOLOGIES or not rest:
        raise ValueError(
            "a Redis URL begins with redis://, rediss://, redis+cluster://, rediss+cluster://, "
            "redis+sentinel://, rediss+sentinel:// or unix:///"
        )
    kind = _TOPOLOGIES[topology]
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    port = _SENTINEL_PORT if kind == "sentinel" else _PORT
    parts = path.strip("/").split("/") if path.strip("/") else []
    service = parts.pop(0) if kind == "sentinel" and parts else ""
    address = Address(
        kind,
        tls=name == "rediss",
        hosts=tuple(_read_host(host, port) for host in hosts.split(",")),
        service=unquote(service),
        db=_read_db(parts),
        username=unquote(username) or None,
        password=unquote(password) or None,
    )
    if kind == "sentinel" and not service:
        raise ValueError("a Redis Sentinel URL names the service: redis+sentinel://HOST:26379/SERVICE")
    if kind == "cluster" and address.db:
        raise ValueError("Redis Cluster has no databases but 0")
    if kind == "single" and len(address.hosts) > 1:
        raise ValueError("several hosts need redis+cluster:// or redis+sentinel://")
    return address


def _read_host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # raises where no name is like that, as `a..b`
    except ValueError:
        host, port = None, None
    if not host:
        raise ValueError("a host of a Redis URL is HOST or HOST:PORT, an IPv6 address in brackets")
    return host, port or default_port


def _read_db(parts: list[str]) -> int:
    if not parts:
        return 0
    if len(parts) > 1 or not parts[0].isdecimal():
        raise ValueError("the last part of a Redis URL is the number of a database")
    return int(parts[0])
