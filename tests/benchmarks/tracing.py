"""What telemetry adds to a search: the same searches through midranks that tell more and more.

    python -m tests.benchmarks.tracing --searches 3000 --json .bench/tracing.json

Every midrank reranks 20 candidates out of its cache (no model runs, which would drown everything else). All
of them run at the same time, and are asked one search after the other in turns, so that whatever else the
machine does is met by all alike. What is added is told at the median, and at the lower quartile, which has
less of that.

    silent      OTEL_SDK_DISABLED: nothing is recorded
    metrics     metrics for Prometheus alone, as any midrank with an admin port has them
    unsampled   and traces of which none is sampled
    tracing     and traces, every one sampled, sent as OTLP over HTTP to a collector in another process
    all         and metrics sent as OTLP, too
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import results
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.shared import KEPT
from tests.fakes.fixed_store import QUERY_PATH, query
from tests.fakes.servers import Address, Child, child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEADERS = {"Content-Type": "application/json", "x-midrank-query": "how%20fast"}
SILENT = "silent"


def environments(collector: str) -> dict[str, dict[str, str]]:
    """Return the variables of every midrank."""
    traces = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector}
    return {
        SILENT: {"OTEL_SDK_DISABLED": "true"},
        "metrics": {"OTEL_METRICS_EXPORTER": "prometheus"},
        "unsampled": {
            **traces,
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        },
        "tracing": {**traces, "OTEL_METRICS_EXPORTER": "prometheus"},
        "all": {**traces, "OTEL_METRICS_EXPORTER": "otlp"},
    }


class Measured(NamedTuple):
    """One midrank: microseconds a search."""

    name: str
    p25: float
    p50: float
    added_p25: float
    added_p50: float
    cpu: float


def main(arguments: list[str] | None = None) -> int:
    """Run, print a table, write the figures."""
    parser = argparse.ArgumentParser(description="what telemetry adds to a search")
    parser.add_argument("--searches", type=int, default=3000, help="of every midrank")
    others = ["metrics", "unsampled", "tracing", "all"]
    parser.add_argument("--ways", nargs="+", choices=others, default=others)
    parser.add_argument("--json", type=Path, default=KEPT / "tracing.json")
    options = parser.parse_args(arguments)
    with ways([SILENT, *options.ways]) as servers:
        measured = measure(servers, options.searches)
    print_table(measured)
    figures = {"searches": options.searches, "unit": "microseconds"}
    results.write(options.json, {**figures, "measured": [one._asdict() for one in measured]})
    return 0


@contextmanager
def ways(wanted: list[str]) -> Iterator[dict[str, Child]]:
    """Start a store, a collector and the midranks."""
    with ExitStack() as running:
        store, collector = free_address(), free_address()
        for address in (store, collector):  # what takes everything and answers at once is a collector, too
            fixed = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(address.port)]
            running.enter_context(child(fixed, address.url))
        yield {
            name: running.enter_context(_midrank(store, variables))
            for name, variables in environments(collector.url).items()
            if name in wanted
        }


def measure(servers: dict[str, Child], searches: int) -> list[Measured]:
    """Ask all of them in turns, in another order every time."""
    names, body = list(servers), query()
    taken: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        connections = {
            name: stack.enter_context(closing(HTTPConnection(*server.address)))
            for name, server in servers.items()
        }
        for _ in range(100):  # fills the caches, and warms everything up
            for name in names:
                _search(connections[name], body)
        before = {name: cpu_seconds(server.pid) for name, server in servers.items()}
        for number in range(searches):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                taken[name].append(_search(connections[name], body))
        cpu = {name: cpu_seconds(server.pid) - before[name] for name, server in servers.items()}
    quartiles = {name: statistics.quantiles(times, n=4) for name, times in taken.items()}
    low, middle, _ = quartiles[SILENT]
    return [
        Measured(name, p25, p50, p25 - low, p50 - middle, cpu[name] / searches * 1e6)
        for name, (p25, p50, _) in quartiles.items()
    ]


def print_table(measured: list[Measured]) -> None:
    """Print all of them."""
    print("microseconds a search; CPU of midrank's process, its exporting threads included")
    print(f"{'':<12}{'p25':>8}{'p50':>8}{'added p25':>11}{'added p50':>11}{'CPU':>8}")
    for one in measured:
        print(f"{one.name:<12}{one.p25:>8.0f}{one.p50:>8.0f}{one.added_p25:>11.0f}", end="")
        print(f"{one.added_p50:>11.0f}{one.cpu:>8.0f}")


@contextmanager
def _midrank(store: Address, variables: Mapping[str, str]) -> Iterator[Child]:
    os.environ.update(variables)  # which the process inherits
    with midrank_server("chroma", store, rules=[{"budget_ms": 1000}]) as running:
        for name in variables:
            del os.environ[name]
        yield running


def _search(connection: HTTPConnection, body: bytes) -> float:
    """Search, and return how many microseconds that took."""
    started = perf_counter()
    connection.request("POST", QUERY_PATH, body, HEADERS)
    answer = connection.getresponse()
    answer.read()
    assert answer.headers["x-midrank"] in ("cached", "reranked", "partial"), answer.headers[
        "x-midrank-reason"
    ]
    return (perf_counter() - started) * 1e6


if __name__ == "__main__":
    sys.exit(main())
