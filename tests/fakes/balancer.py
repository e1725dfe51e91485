"""A real haproxy in front of replicas, which it asks for their readiness as a cluster would."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.fakes.servers import free_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.fakes.servers import Address

# Milliseconds between two checks; one that fails takes a replica out, one that succeeds brings it back.
CHECK_EVERY = 200

_PATIENCE = 30.0  # seconds

MISSING = None if shutil.which("haproxy") else "no haproxy on this machine"

# Connections are kept open to replicas and shared between clients, as in any gateway. A request is sent again
# only where no connection came about, which is haproxy's default: what a replica drops is dropped.
_CONFIGURATION = """\
global
    maxconn 256
    stats socket {socket} mode 600
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 5s
frontend apps
    bind {listen}
    default_backend replicas
backend replicas
    balance roundrobin
    option redispatch 1
    option httpchk GET /ready
    default-server check inter {every}ms fall 1 rise 1
{servers}
"""


class Balancer:
    """Where it listens, and what it thinks of the replicas."""

    def __init__(self, address: Address, stats: Path) -> None:
        self.address = address
        self._stats = stats

    def wait_for(self, replicas: int) -> None:
        """Wait until so many are there for it, as whoever rolls out a change does."""
        give_up = time.monotonic() + _PATIENCE
        while self._up() != replicas:
            assert time.monotonic() < give_up, f"{self._up()} replicas are up, not {replicas}"
            time.sleep(0.02)

    def _up(self) -> int:
        with socket.socket(socket.AF_UNIX) as stats:
            try:
                stats.connect(str(self._stats))
                stats.sendall(b"show stat\n")
                told = b"".join(iter(lambda: stats.recv(65536), b"")).decode()
            except OSError:
                return -1
        rows = csv.DictReader(told.lstrip("# ").splitlines())
        return sum(row["svname"].startswith("replica-") and row["status"] == "UP" for row in rows)


@contextmanager
def haproxy(folder: Path, replicas: Sequence[tuple[Address, Address]]) -> Iterator[Balancer]:
    """Run it until the block ends, in front of replicas given by their listener and their admin port."""
    listen = free_address()
    servers = "\n".join(
        f"    server replica-{number} {data.host}:{data.port} port {admin.port}"
        for number, (data, admin) in enumerate(replicas)
    )
    configuration = folder / "haproxy.cfg"
    stats = folder / "stats"
    told = _CONFIGURATION.format(
        listen=f"{listen.host}:{listen.port}", every=CHECK_EVERY, servers=servers, socket=stats
    )
    configuration.write_text(told)
    process = subprocess.Popen(["haproxy", "-db", "-f", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        balancer = Balancer(listen, stats)
        balancer.wait_for(len(replicas))
        yield balancer
    finally:
        process.kill()
        process.wait()
