"""Real redis-servers as child processes, and what can happen to them: killed, paused, emptied, filled.

Also with TLS under authorities of our own, under Sentinel and as a cluster.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NotConnected
from redis.retry import Retry

from tests.fakes.servers import free_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
START_TIMEOUT = 20.0  # seconds; a tenth of one is usual
HOST = "127.0.0.1"


class RedisServer:
    """One server, on a port of its own that it keeps when it is started again.

    `arguments` are those of its command line; a settings file, if there is one, comes first.
    """

    def __init__(self, folder: Path, *arguments: str, tls: Certificates | None = None) -> None:
        if BINARY is None:
            pytest.skip("no redis-server here: apt-get install redis-server")
        self.port = free_address().port
        self.folder = folder
        self.tls = tls
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<RedisServer on {self.port}>"

    @property
    def url(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://{HOST}:{self.port}"

    def start(self) -> None:
        """Start it; it answers on return."""
        listen = self.tls.arguments(self.port) if self.tls else ("--port", str(self.port))
        command = [str(BINARY), *self.arguments, *listen, "--bind", HOST, "--save", ""]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--dir", str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._answers, self._tail)

    def kill(self) -> None:
        """End it without a word to anyone, and with all its data."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Have it do nothing; its connections stay, and the system still makes new ones."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def tell(self, *command: str | bytes | int):
        """Return what it says to a command. Blocks, for about a millisecond."""
        options = self.tls.options() if self.tls else {}
        with Redis(HOST, self.port, protocol=2, retry=Retry(NoBackoff(), 0), **options) as client:
            return client.execute_command(*command)

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.port}.log"

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._tail()
        try:
            self.tell("PING")
        except AuthenticationError:
            return True
        except NotConnected:
            return False
        return True


@contextmanager
def redis_server(folder: Path, *arguments: str, tls: Certificates | None = None) -> Iterator[RedisServer]:
    """Run a server, and end it whatever has been done to it."""
    server = RedisServer(folder, *arguments, tls=tls)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class Watched(NamedTuple):
    """A master, its replica, and a sentinel that makes that the master when the first one is gone."""

    master: RedisServer
    replica: RedisServer
    sentinel: RedisServer

    @property
    def url(self) -> str:
        return f"{self.sentinel.url.replace('://', '+sentinel://')}/ours"


@contextmanager
def redis_sentinel(folder: Path, tls: Certificates | None = None) -> Iterator[Watched]:
    """Run one of each; they know of each other."""
    among_them = ("--tls-replication", "yes") if tls else ()
    with ExitStack() as stack:
        options = ("--repl-diskless-sync-delay", "0", *among_them)
        master = stack.enter_context(redis_server(folder, *options, tls=tls))
        options = ("--replicaof", f"{HOST} {master.port}", *among_them)
        replica = stack.enter_context(redis_server(folder, *options, tls=tls))
        wait_for(lambda: master.tell("ROLE")[2], lambda: "no replica")
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"sentinel monitor ours {HOST} {master.port} 1\n"
            "sentinel down-after-milliseconds ours 100\n"
            "sentinel failover-timeout ours 1000\n"
        )
        options = (str(settings), "--sentinel", *among_them)
        sentinel = stack.enter_context(redis_server(folder, *options, tls=tls))
        wait_for(lambda: sentinel.tell("SENTINEL", "REPLICAS", "ours"), lambda: "replica not seen")
        yield Watched(master, replica, sentinel)


@contextmanager
def redis_cluster(
    folder: Path, nodes: int = 2, *, tls: Certificates | None = None
) -> Iterator[list[RedisServer]]:
    """Run masters that share the slots evenly."""
    with ExitStack() as stack:
        servers = []
        for _ in range(nodes):
            bus = free_address().port
            options = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
            options += ["--tls-cluster", "yes"] if tls else []
            options += ["--cluster-config-file", f"nodes-{bus}.conf", "--cluster-node-timeout", "1000"]
            servers.append((stack.enter_context(redis_server(folder, *options, tls=tls)), bus))
        first, first_bus = servers[0]
        for index, (server, _) in enumerate(servers):
            slots = (16384 * index // nodes, 16384 * (index + 1) // nodes - 1)
            server.tell("CLUSTER", "ADDSLOTSRANGE", *slots)
            if server is not first:
                server.tell("CLUSTER", "MEET", HOST, first.port, first_bus)
        for server, _ in servers:
            wait_for(lambda one=server: _is_whole(one, nodes), lambda: "no cluster")
        yield [server for server, _ in servers]


def _is_whole(server: RedisServer, nodes: int) -> bool:
    said = str(server.tell("CLUSTER", "INFO"))
    return "cluster_state:ok" in said or "'cluster_state': 'ok'" in said


class Certificates(NamedTuple):
    """Files of an authority, and of a key that it has signed for 127.0.0.1, for servers and clients alike."""

    authority: Path
    certificate: Path
    key: Path

    def arguments(self, port: int) -> tuple[str, ...]:
        """Return the command line of a server that lets nobody in whom the authority does not know."""
        return (
            *("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "yes"),
            *("--tls-ca-cert-file", str(self.authority)),
            *("--tls-cert-file", str(self.certificate), "--tls-key-file", str(self.key)),
        )

    def options(self) -> dict[str, object]:
        """Return how redis-py connects to such a server."""
        return {
            "ssl": True,
            "ssl_ca_certs": str(self.authority),
            "ssl_certfile": str(self.certificate),
            "ssl_keyfile": str(self.key),
            "ssl_check_hostname": False,
        }


def make_certificates(folder: Path, names: str = f"IP:{HOST}") -> Certificates:
    """Write the files, with the openssl command; `names` are those of the server, as it wants them."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: apt-get install openssl")
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    _openssl(
        "req", "-x509", *new_key, "-subj", "/CN=ours", "-keyout", folder / "ca.key", "-out", made.authority
    )
    signed = ["-CA", made.authority, "-CAkey", folder / "ca.key", "-addext", f"subjectAltName={names}"]
    _openssl(
        "req",
        "-x509",
        *new_key,
        *signed,
        "-subj",
        f"/CN={HOST}",
        "-keyout",
        made.key,
        "-out",
        made.certificate,
    )
    return made


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def wait_for(come_true: Callable[[], object], complaint: Callable[[], str]) -> None:
    """Wait for what nobody tells of."""
    give_up = time.monotonic() + START_TIMEOUT
    while not come_true():
        assert time.monotonic() < give_up, complaint()
        time.sleep(0.01)
