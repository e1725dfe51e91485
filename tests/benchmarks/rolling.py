"""Replicas behind a haproxy, restarted one after the other under load: what fails, and what searches take.

    python -m tests.benchmarks.rolling --times 20 --apps 16 --json .bench/rolling.json

Twice: with a drain delay of five readiness checks, and without one. Takes six minutes.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.benchmarks.results import write
from tests.fakes.balancer import CHECK_EVERY, haproxy
from tests.fakes.scene import Replica, Scene
from tests.fakes.searching import Searching

CALM = 10.0  # seconds of searches without a restart, before


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds, and how often."""

    delay: float
    restarts: int
    searches: int
    failures: dict[str, int]
    cut_off: int
    p50_before: float
    p99_before: float
    p50_during: float
    p99_during: float
    seconds_of_a_stop: float


async def measure(folder: Path, scene: Scene, delay: float, times: int, apps: int) -> Figures:
    """Restart two replicas in turn, so many times in all, while so many apps search."""
    replicas = [Replica(scene, number, delay) for number in range(2)]
    await asyncio.gather(*(asyncio.to_thread(replica.start) for replica in replicas))
    stops = []
    with haproxy(folder, [(replica.listen, replica.admin) for replica in replicas]) as balancer:
        searching = Searching()
        searches = asyncio.create_task(searching.run(balancer.address, apps))
        await asyncio.sleep(1)
        calm = perf_counter()
        await asyncio.sleep(CALM)
        restarting = perf_counter()
        for number in range(times):
            begun = perf_counter()
            await asyncio.to_thread(replicas[number % 2].stop)
            stops.append(perf_counter() - begun)
            await asyncio.to_thread(replicas[number % 2].start)
            await asyncio.to_thread(balancer.wait_for, 2)
        searching.stop = True
        await searches
        await asyncio.gather(*(asyncio.to_thread(replica.stop) for replica in replicas))
    before, during = (calm, restarting), (restarting, float("inf"))
    drained = [line for replica in replicas for line in replica.running.lines("drained")]
    return Figures(
        delay=delay,
        restarts=times,
        searches=sum(searching.pages.values()),
        failures=dict(searching.failures),
        cut_off=sum(line["cut_off"] for line in drained),
        p50_before=1000 * searching.quantile(0.5, *before),
        p99_before=1000 * searching.quantile(0.99, *before),
        p50_during=1000 * searching.quantile(0.5, *during),
        p99_during=1000 * searching.quantile(0.99, *during),
        seconds_of_a_stop=sorted(stops)[len(stops) // 2],
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="restart replicas under load")
    options.add_argument("--times", type=int, default=20)
    options.add_argument("--apps", type=int, default=16)
    options.add_argument("--delays", type=float, nargs="+", default=[5 * CHECK_EVERY / 1000, 0.0])
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    all_figures = []
    for seconds in given.delays:
        with TemporaryDirectory() as name, ExitStack() as stack:
            place = Path(name)
            told = asyncio.run(measure(place, Scene(place, stack), seconds, given.times, given.apps))
        print(told, flush=True)
        all_figures.append(told)
    if given.json:
        write(given.json, {"rolling": all_figures})
