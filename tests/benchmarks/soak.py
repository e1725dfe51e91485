"""Is midrank a good neighbour for hours: does memory stay flat, do descriptors and threads, and what does it
take while nobody asks?

    python -m tests.benchmarks.soak --minutes 20 --json .bench/soak.json --plot .bench/soak.png

The built-in model and all caches, with little memory so that they fill and evict within minutes, in front of
a store whose documents never end. Searches in a closed loop over connections that come and go: repeated and
new ones, some given up halfway, some never finished, writes, and the policy reloaded every minute. Idle
before and after. It fails where memory, descriptors or threads grow over the second half, or a search fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
import numpy as np
import orjson

from tests.benchmarks import results
from tests.benchmarks.processes import cpu_seconds, wait_until_idle
from tests.benchmarks.prose import WORDS
from tests.benchmarks.shared import KEPT
from tests.fakes.fixed_store import COLLECTIONS_PATH, QUERY_PATH
from tests.fakes.servers import child, free_address, midrank_server

if TYPE_CHECKING:
    from tests.fakes.servers import Address, Child

CLIENTS = 6
THINKING = 0.4  # seconds that a client waits at most before it goes on
MB = 2**20
# What may be added in an hour, by the line through the second half: less is noise of the allocator.
MOST_MB_AN_HOUR = 30.0
LIMIT_MB = 320
WRITE = QUERY_PATH.removesuffix("/query") + "/add"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process takes at a moment; `cpu` is the share of one CPU since the last."""

    seconds: float
    rss_mb: float
    descriptors: int
    threads: int
    cpu: float
    searches: int


class Load:
    """What clients do, and how much of it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.searches = self.failed = self.given_up = self.writes = 0
        self.outcomes: dict[str, int] = {}

    async def client(self, seed: int) -> None:
        """Do what clients do until cancelled, on a new connection every now and then."""
        draw = random.Random(seed)
        while True:
            async with aiohttp.ClientSession(self._address.url) as session:
                for _ in range(draw.randint(20, 200)):
                    await self._once(session, draw)
                    await asyncio.sleep(draw.random() * THINKING)

    async def _once(self, session: aiohttp.ClientSession, draw: random.Random) -> None:
        what = draw.random()
        if what < 0.03:
            await self._write(session, draw)
        elif what < 0.05:
            await self._leave(draw)
        else:
            await self._search(session, draw, patience=0.004 if what < 0.1 else 30)

    async def _search(self, session: aiohttp.ClientSession, draw: random.Random, patience: float) -> None:
        # Few queries are asked often, most of them seldom, and every third one never again.
        number = int(draw.paretovariate(0.7)) if draw.random() < 0.67 else draw.randrange(10**9)
        words = random.Random(number)
        text = " ".join(words.choice(WORDS) for _ in range(8))
        vector = [words.uniform(-1, 1) for _ in range(64)]
        body = orjson.dumps({"query_embeddings": [vector], "n_results": 10, "include": ["documents"]})
        headers = {"x-midrank-query": quote(text), "content-type": "application/json"}
        try:
            limit = aiohttp.ClientTimeout(total=patience)
            async with session.post(QUERY_PATH, data=body, headers=headers, timeout=limit) as answer:
                await answer.read()
                outcome = answer.headers.get("x-midrank", "none")
                self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
                self.failed += answer.status != 200
        except TimeoutError:
            self.given_up += 1
        except aiohttp.ClientError:
            self.failed += 1
        self.searches += 1

    async def _write(self, session: aiohttp.ClientSession, draw: random.Random) -> None:
        texts = [" ".join(draw.choices(WORDS, k=60)) for _ in range(20)]
        record = {"ids": [str(draw.random()) for _ in texts], "documents": texts, "embeddings": [[0.1]] * 20}
        async with session.post(WRITE, json=record) as answer:
            await answer.read()
        self.writes += 1

    async def _leave(self, draw: random.Random) -> None:
        """Begin a request, and never end it."""
        _, writer = await asyncio.open_connection(*self._address)
        writer.write(
            b"POST " + QUERY_PATH.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n{"
        )
        await asyncio.sleep(draw.random())
        writer.close()


def main() -> int:
    """Soak, print, draw, write; 1 if something grew or failed."""
    options = _options()
    address = free_address()
    command = [sys.executable, "-m", "tests.benchmarks.soak_store", "--port", str(address.port)]
    rule = {"cache": {"semantic": {"threshold": 0.95}}, "budget_ms": 100}
    policy = {
        "models": {"default": {"kind": "late_interaction", "memory_mb": 512}},
        "cache": {"memory_mb": 128, "near_queries": 5000},
        "memory_limit_mb": LIMIT_MB,
        "rules": [rule],
    }
    with (
        child(command, f"{address.url}{COLLECTIONS_PATH}"),
        midrank_server("chroma", address, **policy) as midrank,
    ):
        idle = idle_cpu(midrank.pid, options.idle_seconds)
        load = Load(midrank.address)
        samples = asyncio.run(soak(midrank, load, options.minutes * 60))
        idle_after = idle_cpu(midrank.pid, options.idle_seconds)
        left = sample(midrank.pid, 0.0, 0.0, load)
    late = samples[len(samples) // 2 :]
    figures = {
        "idle_cpu_percent": 100 * idle,
        "idle_cpu_percent_afterwards": 100 * idle_after,
        "loaded_cpu_percent": 100 * float(np.mean([one.cpu for one in late])),
        "searches_per_second": load.searches / (options.minutes * 60),
        "outcomes": load.outcomes,
        "failed": load.failed,
        "given_up": load.given_up,
        "writes": load.writes,
        "limit_mb": LIMIT_MB,
        "most_mb": max(one.rss_mb for one in samples),
        "growth_mb_an_hour": slope([one.rss_mb for one in late], late),
        "descriptors_an_hour": slope([float(one.descriptors) for one in late], late),
        "threads": sorted({one.threads for one in late}),
        "left_mb": left.rss_mb,
    }
    for name, figure in figures.items():
        print(f"{name:28} {figure:.3f}" if isinstance(figure, float) else f"{name:28} {figure}")
    results.write(options.json, {**figures, "samples": samples})
    if options.plot:
        from tests.benchmarks.soak_plot import draw

        draw(samples, LIMIT_MB, options.plot)
        print(f"drawn to {options.plot}")
    grown = abs(float(figures["growth_mb_an_hour"])) > MOST_MB_AN_HOUR  # type: ignore[arg-type]
    return int(grown or bool(load.failed) or figures["most_mb"] > LIMIT_MB)  # type: ignore[operator]


async def soak(midrank: Child, load: Load, seconds: float) -> list[Sample]:
    """Put the load on for so long, and look every five seconds."""
    clients = [asyncio.create_task(load.client(seed)) for seed in range(CLIENTS)]
    started = time.perf_counter()
    before, samples = cpu_seconds(midrank.pid), []
    step = min(5.0, seconds / 20)
    while (elapsed := time.perf_counter() - started) < seconds:
        await asyncio.sleep(step)
        if int(elapsed / 60) > int((elapsed - step) / 60):
            os.kill(midrank.pid, signal.SIGHUP)
        now = cpu_seconds(midrank.pid)
        samples.append(sample(midrank.pid, time.perf_counter() - started, (now - before) / step, load))
        before = now
        for client in clients:
            if client.done():
                client.result()
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return samples


def sample(pid: int, seconds: float, cpu: float, load: Load) -> Sample:
    """Look at the process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Sample(
        seconds=seconds,
        rss_mb=int(status["VmRSS"].split()[0]) * 1024 / MB,
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
        cpu=cpu,
        searches=load.searches,
    )


def idle_cpu(pid: int, seconds: float) -> float:
    """Return the share of one CPU that the process takes while nobody asks."""
    wait_until_idle(pid)  # documents that searches did not reach are encoded meanwhile
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def slope(values: list[float], samples: list[Sample]) -> float:
    """Return what a figure gains in an hour, by the line through it."""
    return float(np.polyfit([one.seconds / 3600 for one in samples], values, 1)[0])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="memory, descriptors and CPU over many minutes")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--json", type=Path, default=KEPT / "soak.json")
    parser.add_argument("--plot", type=Path, default=KEPT / "soak.png", help="needs matplotlib")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
