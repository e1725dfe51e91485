"""What it costs to record: the event loop's time for a search, and how many searches the thread can follow.

    python -m tests.benchmarks.recording --json .bench/recording.json

Searches of 50 candidates with some 200 words each are told as fast as the thread takes them in, and a timer
on the same event loop says how late it fires. `new` texts were never seen; of the others there are 1,000.
What a search that is served costs more with a recorder behind it, `watching` says. Takes half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import uvloop

from proxy.model import Candidate
from proxy.policy_evidence import Record
from proxy.records.recorder import Recorder
from tests.benchmarks import results
from tests.benchmarks.prose import WORDS
from tests.benchmarks.shared import KEPT
from tests.fakes.observations import observation

CANDIDATES, DOCUMENTS, LENGTH = 50, 1_000, 200
# Searches that wait at most, while the thread is kept busy.
AHEAD = 200
# The same without anybody who is told.
OFF = "off"


@dataclass(frozen=True)
class Cost:
    """One way to record: microseconds of `tell`, searches a second, milliseconds that timers were late."""

    way: str
    searches: int
    tell_p50: float
    tell_p99: float
    per_second: float
    late_p50: float
    late_p99: float


def main() -> int:
    """Measure every way and print a table."""
    parser = argparse.ArgumentParser(description="what recording costs")
    parser.add_argument("--seconds", type=float, default=6, help="for each way")
    parser.add_argument("--json", type=Path, default=KEPT / "recording.json")
    arguments = parser.parse_args()
    ways = {
        OFF: ("hash", False),
        "hash": ("hash", False),
        "keep": ("keep", False),
        "keep, new texts": ("keep", True),
    }
    costs = []
    print(f"{'':<18}{'tell p50':>10}{'p99, us':>10}{'searches/s':>12}{'late p50':>10}{'p99, ms':>10}")
    for way, (texts, new) in ways.items():
        with TemporaryDirectory() as folder:
            settings = Record.model_validate({"folder": folder, "texts": texts})
            one = uvloop.run(_measured(way, settings, arguments.seconds, new=new))
        print(
            f"{way:<18}{one.tell_p50:>10.1f}{one.tell_p99:>10.1f}{one.per_second:>12,.0f}"
            f"{one.late_p50:>10.2f}{one.late_p99:>10.2f}"
        )
        costs.append(one)
    results.write(arguments.json, {"costs": [asdict(one) for one in costs]})
    return 0


async def _measured(way: str, settings: Record, seconds: float, *, new: bool) -> Cost:
    draw = random.Random(1)
    starts = [draw.randrange(len(WORDS) - LENGTH) for _ in range(DOCUMENTS)]
    texts = [" ".join(WORDS[start : start + LENGTH]) for start in starts]
    recorder = Recorder(settings, secret=b"of a benchmark", close_within=60)
    if way != OFF:
        recorder.start()
    late: list[float] = []
    probe = asyncio.get_running_loop().create_task(_probe(late))
    told: list[float] = []
    begun = perf_counter()
    while perf_counter() - begun < seconds:
        while recorder.waiting > AHEAD:  # noqa: ASYNC110 - a thread takes them, and tells nobody
            await asyncio.sleep(0.001)
        found = tuple(
            Candidate(f"d{place}", f"{texts[place]} {len(told)}" if new else texts[place], 0.5)
            for place in draw.sample(range(DOCUMENTS), CANDIDATES)
        )
        search = observation(tuple(range(CANDIDATES - 1, -1, -1)), found=found, exchange=f"{len(told):016x}")
        start = perf_counter()
        if way != OFF:
            recorder.tell(search)
        told.append(perf_counter() - start)
        await asyncio.sleep(0.001)
    probe.cancel()
    await recorder.close()
    recorded, passed = recorder.figures()["recorded"], perf_counter() - begun
    tell_p50, tell_p99 = np.quantile(told, (0.5, 0.99)) * 1e6
    late_p50, late_p99 = np.quantile(late, (0.5, 0.99)) * 1e3
    return Cost(way, recorded, tell_p50, tell_p99, recorded / passed, late_p50, late_p99)


async def _probe(late: list[float]) -> None:
    while True:
        begun = perf_counter()
        await asyncio.sleep(0.001)
        late.append(perf_counter() - begun - 0.001)


if __name__ == "__main__":
    sys.exit(main())
