"""What it costs a search to be watched: in shadow, recorded, part of an experiment.

    python -m tests.benchmarks.watching --seconds 60 --json .bench/watching.json

Midranks that differ in their policy alone stand in front of the same store and are asked in turns, in random
order and at a steady pace, so that all of them see the same machine. What one adds is the median of the
differences to its `base` in the same turn; the interval is a bootstrap of that. Takes two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.benchmarks import results
from tests.benchmarks.shared import KEPT
from tests.fakes.fixed_store import QUERY_PATH, query
from tests.fakes.servers import Address, child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FEEDBACK = {"feedback": {"listen": "127.0.0.1:0"}}
SECRET = "only for this benchmark"


class Way(NamedTuple):
    """A policy, and the one that it is compared with."""

    policy: Mapping[str, Any]
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """One way, in milliseconds; `added` is against its base: the median and a 95 % interval of it."""

    name: str
    base: str | None
    searches: int
    p50: float
    p99: float
    added: tuple[float, float, float] | None


def ways(folder: str) -> dict[str, Way]:
    """Return what is compared."""
    interleave = [{"experiment": {"kind": "interleave"}}]
    return {
        "off": Way({"rules": [{"mode": "off"}]}),
        "shadow": Way({"rules": [{"mode": "shadow"}]}, "off"),
        "on": Way({}),
        "on, recorded as digests": Way({"record": {"folder": f"{folder}/hash"}}, "on"),
        "on, recorded with texts": Way({"record": {"folder": f"{folder}/keep", "texts": "keep"}}, "on"),
        "on, interleaved": Way({"rules": interleave, **FEEDBACK}, "on"),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run, print a table, write the figures."""
    parser = argparse.ArgumentParser(description="what it costs a search to be watched")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--turns", type=float, default=10, help="a second; each way is asked once in a turn")
    parser.add_argument("--ways", nargs="+", help="these alone; a base among them")
    parser.add_argument("--json", type=Path, default=KEPT / "watching.json")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="midrank-records-") as folder, ExitStack() as stack:
        store = free_address()
        command = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(store.port)]
        stack.enter_context(child(command, store.url))
        asked = {name: way for name, way in ways(folder).items() if name in (options.ways or ways(folder))}
        addresses = {
            name: stack.enter_context(midrank_server("chroma", store, secret=SECRET, **way.policy)).address
            for name, way in asked.items()
        }
        asyncio.run(take_turns(addresses, 20, options.turns))  # documents are read for the first time
        turns = int(options.seconds * options.turns)
        seconds = asyncio.run(take_turns(addresses, turns, options.turns))
    watched = [summarise(name, way.base, seconds) for name, way in asked.items()]
    print_table(watched)
    results.write(options.json, {"unit": "milliseconds", "watched": [asdict(one) for one in watched]})
    return 0


async def take_turns(addresses: Mapping[str, Address], turns: int, rate: float) -> dict[str, list[float]]:
    """Ask all of them in each turn, one after the other; return the seconds that each took."""
    dice = random.Random(0)
    streams = {name: await asyncio.open_connection(*address) for name, address in addresses.items()}
    seconds: dict[str, list[float]] = {name: [] for name in addresses}
    for turn in range(turns):
        begun = perf_counter()
        # Queries differ, so that no score is known; documents are.
        request = _request(f"how%20fast%20is%20number%20{turn}%20of%20{turns}")
        for name in dice.sample(list(streams), len(streams)):
            reader, writer = streams[name]
            started = perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            seconds[name].append(perf_counter() - started)
            assert head.startswith(b"HTTP/1.1 200")
        await asyncio.sleep(max(0.0, begun + 1 / rate - perf_counter()))
    for _, writer in streams.values():
        writer.close()
    return seconds


def summarise(name: str, base: str | None, seconds: Mapping[str, list[float]]) -> Watched:
    """Compare one way with its base."""
    own = np.asarray(seconds[name]) * 1000
    added = None if base is None else _median(own - np.asarray(seconds[base]) * 1000)
    p50, p99 = np.quantile(own, (0.5, 0.99))
    return Watched(name, base, len(own), float(p50), float(p99), added)


def print_table(watched: list[Watched]) -> None:
    """Print one line for each."""
    print(f"\n{'':<28}{'p50':>8}{'p99':>8}   added p50 (95 % interval), ms")
    for one in watched:
        added = "" if one.added is None else "{:+.3f} ({:+.3f} to {:+.3f})".format(*one.added)
        against = f" against {one.base}" if one.base else ""
        print(f"{one.name:<28}{one.p50:>8.2f}{one.p99:>8.2f}   {added}{against}")


def _median(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    resampled = np.random.default_rng(0).choice(differences, (2000, len(differences)))
    low, high = np.quantile(np.median(resampled, axis=1), (0.025, 0.975))
    return float(np.median(differences)), float(low), float(high)


def _request(text: str) -> bytes:
    body = query()
    return (
        f"POST {QUERY_PATH} HTTP/1.1\r\nHost: store\r\nContent-Type: application/json\r\n"
        f"x-midrank-query: {text}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


if __name__ == "__main__":
    sys.exit(main())
