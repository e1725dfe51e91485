"""What it costs to run a model in a process of its own, and what it spares the proxy's event loop.

    python -m tests.benchmarks.isolation --rounds 60 --json .bench/isolation.json

1. The same calls through `LocalTextGraph` and `IsolatedGraph`, in turns: twenty pairs of about 94 tokens on
   two threads, a pair per call and five per call; and one query through the built-in model.
2. How late the event loop is, measured by a timer of one millisecond, while one thread or two score without a
   pause in either graph.
3. Memory that is proportionally theirs (PSS): a process without a model, with one, and with one in another.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import uvloop

from proxy.scoring.isolated_graph import IsolatedGraph
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import LocalTextGraph, TextInput
from tests.benchmarks.results import write
from tests.benchmarks.scoring_latency import CROSS_ENCODER, QUERIES, passages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.scoring.prepared import PreparedModel
    from proxy.scoring.text_graph import TextGraph

THREADS = 2
PLACES = ("thread", "process")


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds per call, in a thread of this process and in a process of its own."""

    what: str
    thread_p50: float
    thread_p99: float
    process_p50: float
    process_p99: float

    @property
    def ratio(self) -> float:
        """How much longer it takes in the process, by the median."""
        return self.process_p50 / self.thread_p50


def main(arguments: list[str] | None = None) -> int:
    """Run all three, print tables, write the figures."""
    parser = argparse.ArgumentParser(description="what a process of its own costs a model")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", type=Path, default=Path(".bench/isolation.json"))
    parser.add_argument("--resident", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.resident:
        print(resident(options.resident))
        return 0
    with graphs(str(CROSS_ENCODER)) as both:
        calls = [searches(both, per_call, options.rounds) for per_call in (1, 5)]
        late = loop_delays(both, options.rounds)
    with graphs(BUILT_IN_MODEL) as both:
        calls.append(queries(both, 10 * options.rounds))
    memory = {place: resident_apart(place) for place in ("none", *PLACES)}
    for one in calls:
        print(f"{one.what:32} thread {one.thread_p50:7.2f} {one.thread_p99:7.2f}   ", end="")
        print(f"process {one.process_p50:7.2f} {one.process_p99:7.2f}   x{one.ratio:.3f} (p50, p99, ms)")
    for what, one in late.items():
        print(f"loop late by, {what:20}", *(f"{name} {value:6.2f}" for name, value in one.items()), "ms")
    print("resident MB", {place: round(one) for place, one in memory.items()})
    write(options.json, {"calls_ms": calls, "loop_late_ms": late, "resident_mb": memory})
    return 0


@contextmanager
def graphs(model: str) -> Iterator[dict[str, TextGraph]]:
    """Open a model in both places."""
    prepared = prepare(model)
    both: dict[str, TextGraph] = {"thread": LocalTextGraph(prepared), "process": isolated(prepared)}
    try:
        yield both
    finally:
        both["process"].close()


def isolated(prepared: PreparedModel) -> IsolatedGraph:
    """Start a model's process and wait until it is ready."""
    graph = IsolatedGraph(prepared, THREADS)
    graph.started.result()
    return graph


def searches(both: dict[str, TextGraph], per_call: int, rounds: int) -> Timing:
    """Time a search of twenty pairs, so many of them to a call."""
    inputs = [TextInput(text, QUERIES[0]) for text in passages(20, 85)]
    calls = [inputs[first : first + per_call] for first in range(0, len(inputs), per_call)]
    with ThreadPoolExecutor(THREADS) as threads:
        return in_turns(
            f"20 pairs, {per_call} per call", both, lambda graph: list(threads.map(graph.run, calls)), rounds
        )


def queries(both: dict[str, TextGraph], rounds: int) -> Timing:
    """Time one query of the built-in model."""
    inputs = [TextInput(QUERIES[0], max_tokens=64)]
    return in_turns("a query, built-in model", both, lambda graph: graph.run(inputs), rounds)


def in_turns(
    what: str, both: dict[str, TextGraph], call: Callable[[TextGraph], object], rounds: int
) -> Timing:
    """Time a call in both places in turns, so that whatever else the machine does hits both alike."""
    taken: dict[str, list[float]] = {place: [] for place in PLACES}
    for number in range(rounds + 3):
        for place in PLACES if number % 2 else reversed(PLACES):
            begun = time.perf_counter()
            call(both[place])
            taken[place].append(1000 * (time.perf_counter() - begun))
    figures = [float(np.percentile(taken[place][3:], share)) for place in PLACES for share in (50, 99)]
    return Timing(what, *figures)


def loop_delays(both: dict[str, TextGraph], rounds: int) -> dict[str, dict[str, float]]:
    """Return by how many milliseconds a timer is late, while so many threads score without a pause."""
    late: dict[str, list[float]] = {f"{place}, {busy} scoring": [] for busy in (0, 1, 2) for place in PLACES}
    for _ in range(rounds):
        for what, samples in late.items():
            place, busy = what.split(", ")
            samples.extend(lateness(both[place], int(busy[0]), 0.5))
    return {
        what: {f"p{share:g}": float(np.percentile(samples, share)) for share in (50, 99, 99.9)}
        | {"max": max(samples)}
        for what, samples in late.items()
    }


def lateness(graph: TextGraph, busy: int, seconds: float) -> list[float]:
    """Return the milliseconds by which timers of one millisecond are late, while `busy` threads score."""
    inputs = [TextInput(text, QUERIES[0]) for text in passages(20, 85)]
    stop = threading.Event()

    def score() -> None:
        while not stop.is_set():
            graph.run(inputs[:5])

    async def tick() -> list[float]:
        late = []
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            await asyncio.sleep(0.001)
            late.append(1000 * (time.perf_counter() - begun) - 1)
        return late

    threads = [threading.Thread(target=score) for _ in range(busy)]
    for thread in threads:
        thread.start()
    try:
        return uvloop.run(tick())
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def resident(place: str) -> float:
    """Score twenty pairs in a place; return the megabytes of this process and of those it has started."""
    importlib.import_module("proxy.app")
    if place != "none":
        prepared = prepare(str(CROSS_ENCODER))
        graph = LocalTextGraph(prepared) if place == "thread" else isolated(prepared)
        graph.run([TextInput(text, QUERIES[0]) for text in passages(20, 85)])
    children = [pid for one in Path("/proc/self/task").glob("*/children") for pid in one.read_text().split()]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in ("self", *children)]
    return sum(int(re.search(r"^Pss: +(\d+) kB", one, re.MULTILINE)[1]) for one in rollups) / 1024


def resident_apart(place: str) -> float:
    """Do as `resident`, in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.isolation", "--resident", place]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
