"""A hundred changes of the policy under load: what is dropped, how long a change takes, and what it costs.

    python -m tests.benchmarks.reload --times 100 --apps 8 --json .bench/reload.json

Two policies take turns in a ConfigMap, and every tenth change brings another model and another store. Apps
search all the time over connections that they keep open; every page tells under which policy it was made.
Takes two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil

from tests.benchmarks.results import write
from tests.fakes.scene import Scene
from tests.fakes.searching import Searching

CALM = 10.0  # seconds of searches without a change, before


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds and megabytes, and how often; `seen` is from the swap until the log tells of it."""

    changes: int
    searches: int
    failures: int
    mixed: int
    connections_lost: int
    p50_before: float
    p99_before: float
    p50_during: float
    p99_during: float
    worst_during: float
    taken_p50: float
    taken_worst: float
    seen_p50: float
    rss_after_10: float
    rss_after_all: float
    threads: tuple[int, int]
    descriptors: tuple[int, int]


async def measure(scene: Scene, times: int, apps: int) -> Figures:
    """Change the policy so many times while so many apps search."""
    running = scene.midrank()
    process = psutil.Process(running.process.pid)
    searching = Searching()
    searches = asyncio.create_task(searching.run(scene.listen, apps))
    await asyncio.sleep(1)
    calm = perf_counter()
    await asyncio.sleep(CALM)
    changing, seen, memory, threads, descriptors = perf_counter(), [], [], [], []
    for number in range(times):
        begun = perf_counter()
        await scene.change(running, number)
        seen.append(perf_counter() - begun)
        await asyncio.sleep(0.3)
        memory.append(process.memory_info().rss)
        threads.append(process.num_threads())
        descriptors.append(process.num_fds())
    searching.stop = True
    await searches
    taken = sorted(line["seconds"] for line in running.lines("policy taken"))
    before, during = (calm, changing), (changing, float("inf"))
    return Figures(
        changes=times,
        searches=sum(searching.pages.values()),
        failures=sum(searching.failures.values()),
        mixed=sum(searching.unlike(scene.pages).values()),
        connections_lost=searching.connections - apps,
        p50_before=1000 * searching.quantile(0.5, *before),
        p99_before=1000 * searching.quantile(0.99, *before),
        p50_during=1000 * searching.quantile(0.5, *during),
        p99_during=1000 * searching.quantile(0.99, *during),
        worst_during=1000 * searching.quantile(1, *during),
        taken_p50=1000 * taken[len(taken) // 2],
        taken_worst=1000 * taken[-1],
        seen_p50=1000 * sorted(seen)[len(seen) // 2],
        rss_after_10=memory[min(9, times - 1)] / 1e6,
        rss_after_all=memory[-1] / 1e6,
        threads=(threads[0], threads[-1]),
        descriptors=(descriptors[0], descriptors[-1]),
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="change the policy under load")
    options.add_argument("--times", type=int, default=100)
    options.add_argument("--apps", type=int, default=8)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        figures = asyncio.run(measure(Scene(Path(folder), stack), given.times, given.apps))
    print(figures)
    if given.json:
        write(given.json, {"reload": figures})
