"""What a hit of the exact cache takes by itself: in memory, and in a Redis on the same machine.

    python -m tests.benchmarks.cache_lookup --json .bench/cache_lookup.json

The jobs of a stream of conversations (`conversations.py`) are scored through the caches of a policy, as
rules have them, first to fill them and then again: keys, look-up and scores of 20 to 50 texts, all of them
known. There is no model behind, no store and no socket but Redis's. Half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from proxy.caches import Caches
from proxy.policy import Candidates, Policy
from proxy.scoring.base import ScoreJob
from proxy.scoring.traced import Traced
from proxy.telemetry import Telemetry
from tests.benchmarks import conversations, redis_process, results
from tests.benchmarks.shared import KEPT
from tests.benchmarks.tally import Quantiles, quantiles
from tests.fakes.odd_scorers import TermOverlap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.conversations import Stream

Job = tuple[str, tuple[str, ...]]
PATIENCE = 10.0  # seconds
BETWEEN = 0.0005  # seconds between two jobs, in which what is written behind is written


def main() -> int:
    """Run, print a table, write the figures."""
    options = _options()
    if why := conversations.missing() or redis_process.missing():
        print(f"skipped: {why}")
        return 0
    work = jobs(conversations.stream(options.searches))
    with redis_process.redis_process() as server:
        # A search waits 5 ms for Redis at most; here the whole distribution is wanted.
        redis = {"url": server.url, "timeout_ms": 1000}
        settings: dict[str, dict[str, Any]] = {"memory": {}, "redis": {"memory_mb": 0, "redis": redis}}
        found = {name: uvloop.run(measure(one, work)) for name, one in settings.items()}
    for name, (known, took) in found.items():
        print(f"{name:<8}{known} jobs known  p50 {took.p50:.2f}  p99 {took.p99:.2f}  max {took.most:.2f} ms")
    results.write(options.json, {"jobs": len(work), "milliseconds": found})
    return 0


def jobs(stream: Stream) -> list[Job]:
    """Return every search's query, and the texts of its window."""
    texts: Mapping[str, str] = orjson.loads(stream.file.read_bytes())["documents"]
    window = Candidates().window
    return [
        (ask.question.text, tuple(texts[one] for one in ask.question.ids[: window(ask.limit)]))
        for ask, _ in stream.steps
    ]


async def measure(cache: Mapping[str, object], work: Sequence[Job]) -> tuple[int, Quantiles]:
    """Score all jobs twice; return how many were known the second time, and what they took then."""
    store = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
    policy = Policy.model_validate({"stores": [store], "cache": cache})
    model = Traced(TermOverlap(identity="nothing but words"), Telemetry())
    await model.start()
    caches = Caches(policy, {"default": model})
    await caches.start()
    await asyncio.sleep(1)  # in which Redis is found
    (tier,) = caches.tiers(policy.rules[0].scoring).values()
    took: list[float] = []
    for repeat in (False, True):
        for query, texts in work:
            job = ScoreJob(query, texts, asyncio.get_running_loop().time() + PATIENCE)
            began = perf_counter()
            scores = await tier.score(job)
            if repeat and scores.cached:
                took.append(perf_counter() - began)
            await asyncio.sleep(BETWEEN)
    await caches.close()
    return len(took), quantiles(took)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what a hit of the exact cache takes")
    parser.add_argument("--searches", type=int, default=2000)
    parser.add_argument("--json", type=Path, default=KEPT / "cache_lookup.json", help="where to write them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
