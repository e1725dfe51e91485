"""What holds under too much load: midrank and a naive proxy at up to 10 times what midrank can rerank.

    python -m tests.benchmarks.overload --seconds 60 --json .bench/overload.json --plot .bench/overload.png

Judged questions of SQuAD, 20 to 50 candidates of some 150 tokens each, over HTTP through a real process, in
an open loop with Poisson arrivals (`client.py`). The store is a stand-in that knows its answers and takes 2
ms for each; what a search takes beyond the same search straight from the store was added.

Capacity is measured first: searches per second that are reranked in full when there is no hurry. The naive
proxy (`naive_proxy.py`: `asyncio.wait_for` around `CrossEncoder.predict` in a thread) gets the same rates,
and once more with midrank's own int8 graph, over only as many candidates as there is time for when it is
alone: what is left between that and midrank is what the scheduling is worth.

Everything runs on one machine: client and stand-in take some of the CPU that the models want.
With default settings it takes about 10 minutes; the first time, 3 more for vectors and full orders.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from proxy.policy import Candidates
from tests.benchmarks import results, stage
from tests.benchmarks.client import open_loop
from tests.benchmarks.questions import prepare
from tests.benchmarks.shared import CROSS_ENCODER, KEPT, NO_CACHE
from tests.benchmarks.tally import Row, Terms, print_rows, tally
from tests.fakes.servers import child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from tests.benchmarks.questions import Questions
    from tests.fakes.servers import Address


@dataclass(frozen=True, slots=True)
class Curve:
    """One proxy under all loads; `capacity` is in searches per second that it reranks in full, if it does."""

    proxy: str
    capacity: float | None
    rows: tuple[Row, ...]


def main() -> int:
    """Run, print tables, draw, write the figures; fails if midrank gave a wrong answer or none."""
    options = _options()
    if why := stage.missing(options.collection):
        print(f"skipped: {why}")
        return 0
    budget = options.budget_ms
    questions = prepare(options.collection, options.questions)
    with stage.ranked_store(questions.file) as store:
        orders = stage.full_orders(store, questions)
        terms = Terms(budget / 1000, stage.store_time(store, questions), Candidates().window, orders)

        with midrank(store, stage.NO_HURRY_MS) as proxy:
            capacity = stage.capacity(proxy, questions, options.capacity_seconds)
        print(f"\nmidrank reranks {capacity:.2f} searches/s in full", flush=True)

        def under_load(serving: AbstractContextManager[Address], seconds: float) -> tuple[Row, ...]:
            with serving as proxy:
                rates = {f"{load:g}x": load * capacity for load in options.loads}
                rows = put(rates, proxy, questions, terms, seconds)
            print_rows(rows, terms.budget)
            return tuple(rows)

        curves = [Curve("midrank", capacity, under_load(midrank(store, budget), options.seconds))]
        if find_spec("sentence_transformers") is None:
            print("the naive proxy is left out: needs the [torch] extra")
        elif options.naive_seconds:
            with naive_proxy(store, stage.NO_HURRY_MS) as proxy:
                naive = stage.capacity(proxy, questions, options.capacity_seconds)
            print(f"\nthe naive proxy reranks {naive:.2f} searches/s in full", flush=True)
            rows = under_load(naive_proxy(store, budget), options.naive_seconds)
            curves.append(Curve("naive proxy", naive, rows))
            print("\nthe naive proxy with our graph and as many rows as it has time for", flush=True)
            rows = under_load(naive_proxy(store, budget, "--fitted"), options.naive_seconds)
            curves.append(Curve("naive proxy, int8, fitted", None, rows))
    figures = {"budget_ms": budget, "loads": options.loads, "seconds": options.seconds, "curves": curves}
    results.write(options.json, figures)
    if options.plot:
        from tests.benchmarks.overload_plot import draw

        draw(curves, options.loads, budget, options.plot)
        print(f"drawn to {options.plot}")
    return 1 if any(row.errors for row in curves[0].rows) else 0


def put(
    rates: Mapping[str, float], proxy: Address, questions: Questions, terms: Terms, seconds: float
) -> list[Row]:
    """Put loads on a proxy one after the other, so many searches per second each."""
    rows = []
    for number, (name, rate) in enumerate(rates.items()):
        print(f"{name}: {rate:.2f} searches/s for {seconds:g} s", file=sys.stderr, flush=True)
        asks = questions.asks(seed=number)
        answers = uvloop.run(open_loop(proxy, asks, rate=rate, seconds=seconds, seed=number))
        rows.append(tally(name, answers, seconds, terms))
    return rows


@contextmanager
def midrank(store: Address, budget_ms: float) -> Iterator[Address]:
    """Run midrank with the test model and otherwise defaults."""
    models = {"default": stage.cross_encoder()}
    rules = [{"budget_ms": budget_ms}]
    with midrank_server("chroma", store, models=models, rules=rules, cache=NO_CACHE) as server:
        yield server.address


@contextmanager
def naive_proxy(store: Address, budget_ms: float, *flags: str) -> Iterator[Address]:
    """Run the naive proxy with the same model."""
    address = free_address()
    command = [sys.executable, "-m", "tests.benchmarks.naive_proxy", "--port", str(address.port)]
    command += ["--store", store.url, "--model", str(CROSS_ENCODER), "--budget-ms", str(budget_ms), *flags]
    with child(command, f"{address.url}/ready"):
        yield address


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="latency, quality and goodput under too much load")
    parser.add_argument("--loads", type=float, nargs="+", default=[0.5, 1, 2, 5, 10], help="times capacity")
    parser.add_argument("--seconds", type=float, default=60, help="of every load on midrank")
    parser.add_argument(
        "--naive-seconds", type=float, default=20, help="of every load on the naive proxy; 0: leave it out"
    )
    parser.add_argument("--capacity-seconds", type=float, default=20, help="to measure capacity")
    parser.add_argument("--budget-ms", type=float, default=150)
    parser.add_argument("--collection", default="squad-dev", help="a folder of ../shared/data")
    parser.add_argument("--questions", type=int, default=200, help="how many different ones")
    parser.add_argument("--json", type=Path, default=KEPT / "overload.json")
    parser.add_argument("--plot", type=Path, default=KEPT / "overload.png", help="needs matplotlib")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
