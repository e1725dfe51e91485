"""Our rerank API and infinity-emb with the same weights: requests per second, and what each takes.

    python3 -m venv .venv-infinity && .venv-infinity/bin/pip install 'infinity-emb[server,torch]==0.0.78'
    python -m tests.benchmarks.rerank_api --infinity .venv-infinity/bin/python --json .bench/rerank_api.json

A request is 20 documents of some 100 tokens each, all of them new. A few clients ask one request after the
other: over midrank with int8 weights, its default, over midrank with fp32, and over infinity-emb on torch
with fp32; each a process of its own that may use all CPUs, in turns within every round. The scores of the two
fp32 ones must be the same. Last, what the API costs without a model: the same request again, all known.

Without infinity-emb it measures midrank alone. With default settings it takes about 4 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import uvloop
from aiohttp import ClientSession

from tests.benchmarks import results
from tests.benchmarks.prose import QUERIES, passages
from tests.benchmarks.shared import CROSS_ENCODER, KEPT
from tests.fakes.servers import child, free_address, rerank_api_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TEXTS = 20  # of a request
LENGTH = 100  # tokens of a text, about
NO_HURRY_MS = 60_000
MOST = 10_000  # requests of one loop
FIRST = 0  # the number of a request that no loop asks
KNOWN = 300  # requests whose scores are all known
SAME = 1e-4  # of two relevances by the same weights, in other arithmetic


@dataclass(frozen=True, slots=True)
class Server:
    """What is asked, and where."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """What came of so many clients at once, over all rounds; times in milliseconds."""

    server: str
    at_once: int
    requests: int
    rate: float
    p50: float
    p95: float


def main() -> int:
    """Run, print a table, write the figures."""
    options = _options()
    if not CROSS_ENCODER.is_dir():
        print(f"skipped: no model in {CROSS_ENCODER}")
        return 0
    with ExitStack() as stack:
        servers = [stack.enter_context(midrank(precision)) for precision in ("int8", "fp32")]
        if options.infinity is not None:
            servers.append(stack.enter_context(infinity(options.infinity)))
            difference = uvloop.run(largest_difference(servers[1], servers[2]))
            print(f"largest difference of two fp32 relevances: {difference:.1e}")
            assert difference < SAME, "they do not score alike: there is nothing to compare"
        else:
            print("infinity-emb is left out: see the head of this file for how to install it")
        rows = measure(servers, options.at_once, options.rounds, options.seconds)
        known = uvloop.run(known_again(servers[0]))
    print_table(rows)
    print(f"\na request whose scores are all known takes {known:.2f} ms")
    results.write(options.json, {"documents": TEXTS, "tokens": LENGTH, "rows": rows, "known_ms": known})
    return 0


@contextmanager
def midrank(precision: str) -> Iterator[Server]:
    """Run our API over the cross-encoder; it reads as much of a text as infinity-emb does."""
    model = {
        "kind": "cross_encoder_onnx",
        "model": str(CROSS_ENCODER),
        "precision": precision,
        "max_tokens": 512,
    }
    with rerank_api_server({"budget_ms": NO_HURRY_MS}, models={"default": model}) as server:
        yield Server(f"midrank {precision}", f"{server.address.url}/v1/rerank")


@contextmanager
def infinity(python: Path) -> Iterator[Server]:
    """Run infinity-emb, as it is installed beside this Python, over the same weights; all else is default."""
    address = free_address()
    command = [str(python.absolute().parent / "infinity_emb"), "v2", "--model-id", str(CROSS_ENCODER)]
    command += ["--engine", "torch", "--device", "cpu", "--host", address.host, "--port", str(address.port)]
    with child(command, f"{address.url}/health"):
        yield Server("infinity-emb", f"{address.url}/rerank")


def measure(servers: Sequence[Server], at_once: Sequence[int], rounds: int, seconds: float) -> list[Row]:
    """Ask the servers in turns, with every number of clients."""
    times: dict[tuple[str, int], list[float]] = {}
    spent: dict[tuple[str, int], float] = {}
    for turn, (_, clients) in enumerate(product(range(rounds), at_once)):
        # No server is asked a request twice: one of them would know the answer.
        first = (turn + 1) * MOST
        for server in servers:
            key = (server.name, clients)
            took, whole = uvloop.run(closed_loop(server, clients, seconds, range(first, first + MOST)))
            times.setdefault(key, []).extend(took)
            spent[key] = spent.get(key, 0) + whole
            print(f"{server.name}, {clients} at once: {len(took) / whole:.2f}/s", flush=True)
    return [
        Row(
            name,
            clients,
            len(took),
            len(took) / spent[name, clients],
            *(float(1000 * np.quantile(took, q)) for q in (0.5, 0.95)),
        )
        for (name, clients), took in times.items()
    ]


async def closed_loop(
    server: Server, clients: int, seconds: float, requests: range
) -> tuple[list[float], float]:
    """Keep so many requests under way; return what each took and how long it took them all, in seconds."""
    took: list[float] = []
    numbers = iter(requests)
    async with ClientSession() as session:
        start = perf_counter()

        async def one_after_the_other() -> None:
            while perf_counter() < start + seconds:
                since = perf_counter()
                await ask(session, server, next(numbers))
                took.append(perf_counter() - since)

        await asyncio.gather(*(one_after_the_other() for _ in range(clients)))
        return took, perf_counter() - start


async def known_again(server: Server) -> float:
    """Return the median milliseconds of a request that has been asked before."""
    took = []
    async with ClientSession() as session:
        await ask(session, server, FIRST)
        for _ in range(KNOWN):
            since = perf_counter()
            await ask(session, server, FIRST, known=True)
            took.append(perf_counter() - since)
    return float(np.median(took) * 1000)


async def largest_difference(one: Server, other: Server) -> float:
    """Return by how much the relevances of the same documents differ at most."""
    found = []
    async with ClientSession() as session:
        for server in (one, other):
            results = await ask(session, server, FIRST)
            found.append(np.array([score for _, score in sorted(results.items())]))
    return float(np.abs(found[0] - found[1]).max())


async def ask(
    session: ClientSession, server: Server, number: int, *, known: bool = False
) -> Mapping[int, float]:
    """Ask the request of a number; return the relevances by place.

    Raises:
        AssertionError: some document has none, or a score that comes from elsewhere than it should.
    """
    query = f"{QUERIES[number % len(QUERIES)]}, {number}"
    body = {
        "model": CROSS_ENCODER.name,
        "query": query,
        "documents": passages(TEXTS, LENGTH, skip=number),
        "return_documents": False,
    }
    async with session.post(server.url, json=body) as answer:
        assert answer.status == 200, f"{server.name}: status {answer.status}"
        word = "cached" if known else "reranked"
        assert answer.headers.get("x-midrank", word) == word
        rows = (await answer.json())["results"]
    assert len(rows) == TEXTS
    return {row["index"]: row["relevance_score"] for row in rows}


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows, and what midrank serves no slower than infinity-emb serves as much as it can."""
    print(f"\n{'server':<14}{'at once':>8}{'requests':>9}{'per s':>8}{'p50 ms':>9}{'p95 ms':>9}")
    for row in sorted(rows, key=lambda row: (row.server, row.at_once)):
        print(f"{row.server:<14}{row.at_once:>8}{row.requests:>9}{row.rate:>8.2f}", end="")
        print(f"{row.p50:>9.0f}{row.p95:>9.0f}")
    rivals = [row for row in rows if row.server == "infinity-emb"]
    for rival in sorted(rivals, key=lambda row: row.at_once):
        for name in ("midrank int8", "midrank fp32"):
            in_time = [row for row in rows if row.server == name and row.p95 <= rival.p95]
            if not in_time:
                print(f"{name} is never as fast as infinity-emb with {rival.at_once} at once")
                continue
            best = max(in_time, key=lambda row: row.rate)
            print(
                f"{name} with {best.at_once} at once: {best.rate / rival.rate:.1f}x the requests of "
                f"infinity-emb with {rival.at_once}, p95 {best.p95:.0f} against {rival.p95:.0f} ms"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="our rerank API beside infinity-emb")
    parser.add_argument("--infinity", type=Path, help="Python of an environment with infinity-emb")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--json", type=Path, default=KEPT / "rerank_api.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
