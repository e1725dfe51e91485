"""What a hop costs: the same request direct, through nginx, and through midrank, in turns.

    python -m tests.benchmarks.proxy_overhead --rounds 7 --seconds 2 --json .bench/proxy_overhead.json

An 8 KB request and a 20 KB answer over loopback, with everything (load, store, proxies) on one CPU, so that
times add up what a hop costs instead of measuring how the kernel spreads processes. Times are medians over
the rounds; a round asks every target once, and what is added is counted against the direct one in that round.

    pass-through    a path that midrank knows nothing of
    no text         a search without the query's text: read, then forwarded as it came
    unranked        a search through the whole exchange, with no time left to score its rows
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.benchmarks import results
from tests.benchmarks.load import Latency, Load, client_name, run
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.shared import KEPT
from tests.fakes.fixed_store import COLLECTIONS_PATH, QUERY_PATH, page, query
from tests.fakes.servers import Address, Child, child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON_TYPE = (("Content-Type", "application/json"),)
WITH_TEXT = (*JSON_TYPE, ("x-midrank-query", "how%20fast"))
# Less than any search has used up by the time that its rows are there.
NO_TIME = [{"budget_ms": 0.001}]
# A path of Chroma's that is no search.
UNKNOWN_PATH = f"{COLLECTIONS_PATH}/load/get"

_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream store {{ server {store.host}:{store.port}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {address.host}:{address.port};
    location / {{ proxy_pass http://store; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One way to the store; `pid` is the proxy's process, if there is one."""

    name: str
    address: Address
    path: str
    headers: tuple[tuple[str, str], ...] = JSON_TYPE
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One target under one load, in microseconds: medians over the rounds."""

    target: str
    connections: int
    p50: float
    p99: float
    added_p50: float
    added_p99: float
    cpu: float | None
    requests: int
    errors: int


def main(arguments: list[str] | None = None) -> int:
    """Run, print a table, write the figures; fails if any request did."""
    parser = argparse.ArgumentParser(description="what a hop through midrank costs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2, help="of every target in every round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--spread", action="store_true", help="use all CPUs instead of one")
    parser.add_argument("--json", type=Path, default=KEPT / "proxy_overhead.json")
    options = parser.parse_args(arguments)
    if not options.spread:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with targets() as ways:
        for way in ways:
            run(way.address, _load(way, 4, 1))
        measured = [
            one
            for connections in options.connections
            for one in measure(ways, connections, options.rounds, options.seconds)
        ]
    print_table(measured)
    results.write(options.json, _report(measured, options))
    return 1 if any(one.errors for one in measured) else 0


@contextmanager
def targets() -> Iterator[list[Target]]:
    """Start a store and the proxies in front of it."""
    with ExitStack() as running:
        store = free_address()
        command = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(store.port)]
        running.enter_context(child(command, store.url))
        midrank = running.enter_context(midrank_server("chroma", store, rules=NO_TIME))
        ways = [Target("direct", store, QUERY_PATH)]
        if shutil.which("nginx"):
            nginx = running.enter_context(nginx_server(store))
            ways.append(Target("nginx", nginx.address, QUERY_PATH, pid=nginx.pid))
        else:
            print("nginx is left out: not installed")
        yield [
            *ways,
            Target("midrank, pass-through", midrank.address, UNKNOWN_PATH, pid=midrank.pid),
            Target("midrank, no text", midrank.address, QUERY_PATH, pid=midrank.pid),
            Target("midrank, unranked", midrank.address, QUERY_PATH, WITH_TEXT, midrank.pid),
        ]


@contextmanager
def nginx_server(store: Address) -> Iterator[Child]:
    """Run nginx in front of a store: one process, connections to the store kept open."""
    address = free_address()
    with TemporaryDirectory(prefix="midrank-nginx-") as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(_NGINX.format(folder=folder, address=address, store=store))
        command = ["nginx", "-c", str(configuration), "-e", f"{folder}/log"]
        with child(command, address.url) as pid:
            yield Child(address, pid)


def measure(ways: list[Target], connections: int, rounds: int, seconds: float) -> list[Measured]:
    """Put the same load on every target in turns."""
    taken: dict[str, list[tuple[Latency, float | None]]] = {way.name: [] for way in ways}
    for number in range(rounds):
        print(f"{connections} connection(s), round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for way in ways:
            before = cpu_seconds(way.pid) if way.pid else 0.0
            latency = run(way.address, _load(way, connections, seconds))
            cpu = (cpu_seconds(way.pid) - before) / latency.requests * 1e6 if way.pid else None
            taken[way.name].append((latency, cpu))
    direct = [latency for latency, _ in taken[ways[0].name]]
    return [_medians(name, connections, runs, direct) for name, runs in taken.items()]


def print_table(measured: list[Measured]) -> None:
    """Print all targets under all loads."""
    head = f"{'target':<24}{'p50':>8}{'p99':>8}{'added p50':>11}{'added p99':>11}{'CPU':>8}{'errors':>8}"
    for connections in dict.fromkeys(one.connections for one in measured):
        print(f"\n{connections} connection(s); microseconds per request, CPU of the proxy's process\n{head}")
        for one in measured:
            if one.connections == connections:
                cpu = "" if one.cpu is None else f"{one.cpu:.0f}"
                print(f"{one.target:<24}{one.p50:>8.0f}{one.p99:>8.0f}", end="")
                print(f"{one.added_p50:>11.0f}{one.added_p99:>11.0f}{cpu:>8}{one.errors:>8}")


def _load(way: Target, connections: int, seconds: float) -> Load:
    return Load(way.path, query(), way.headers, connections, seconds)


def _medians(
    name: str, connections: int, runs: list[tuple[Latency, float | None]], direct: list[Latency]
) -> Measured:
    latencies = [latency for latency, _ in runs]
    used = [cpu for _, cpu in runs if cpu is not None]
    pairs = list(zip(latencies, direct, strict=True))
    return Measured(
        target=name,
        connections=connections,
        p50=statistics.median(one.p50 for one in latencies),
        p99=statistics.median(one.p99 for one in latencies),
        added_p50=statistics.median(one.p50 - base.p50 for one, base in pairs),
        added_p99=statistics.median(one.p99 - base.p99 for one, base in pairs),
        cpu=statistics.median(used) if used else None,
        requests=sum(one.requests for one in latencies),
        errors=sum(one.errors for one in latencies),
    )


def _report(measured: list[Measured], options: argparse.Namespace) -> dict[str, object]:
    return {
        "client": client_name(),
        "one_cpu": not options.spread,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "request_bytes": len(query()),
        "answer_bytes": len(page()),
        "unit": "microseconds",
        "measured": [asdict(one) for one in measured],
    }


if __name__ == "__main__":
    sys.exit(main())
