"""Pairs per second with 1, 4, 16 and 64 searches at once: our engine, and `CrossEncoder.predict` in threads.

    python -m tests.benchmarks.throughput --rounds 2 --json .bench/throughput.json

Each search is 20 pairs of some 90 tokens. Ours scores them through the int8 graph, all under way on one
event loop; the other way is the naive one: a thread for each search, each of which calls `predict` with fp32
weights. Both in turns, on the same pairs and CPUs. With default settings it takes about 4 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from tests.benchmarks import results
from tests.benchmarks.prose import QUERIES, passages
from tests.benchmarks.shared import CROSS_ENCODER, KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Scores searches, so many at once.
    Way = Callable[[Sequence["Search"], int], None]

TEXTS = 20  # of a search
LENGTH = 80  # tokens of a text, about; 91 with a query
NO_HURRY = 600.0  # seconds
# A round asks at least so many searches: with one at a time, a single one would tell little.
LEAST_SEARCHES = 8


@dataclass(frozen=True, slots=True)
class Search:
    """A query and its texts."""

    query: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """Pairs per second with so many searches at once: the median over the rounds, and each round's."""

    at_once: int
    ours: float
    naive: float | None
    rounds: tuple[tuple[float, float | None], ...]


def main() -> int:
    """Run, print a table, write the figures."""
    options = _options()
    if not CROSS_ENCODER.is_dir():
        print(f"skipped: no model in {CROSS_ENCODER}")
        return 0
    searches = [
        Search(QUERIES[number % len(QUERIES)], tuple(passages(TEXTS, LENGTH, skip=number)))
        for number in range(max(LEAST_SEARCHES, *options.at_once))
    ]
    rates = measure(searches, options.at_once, options.rounds)
    tokens = mean_tokens(searches)
    print_table(rates, tokens)
    results.write(
        options.json, {"texts": TEXTS, "tokens": tokens, "unit": "pairs per second", "rates": rates}
    )
    return 0


def measure(searches: Sequence[Search], at_once: Sequence[int], rounds: int) -> list[Rate]:
    """Time both ways in turns."""
    naive = naive_way()
    taken: dict[int, list[tuple[float, float | None]]] = {count: [] for count in at_once}
    with asyncio.Runner() as runner:
        scorer = CrossEncoderOnnx(str(CROSS_ENCODER), name="ours")
        runner.run(scorer.start())

        def ours(some: Sequence[Search], count: int) -> None:
            runner.run(score_all(scorer, some, count))

        for number in range(rounds):
            for count in at_once:
                print(f"round {number + 1} of {rounds}, {count} at once", file=sys.stderr, flush=True)
                some = searches[: max(count, LEAST_SEARCHES)]
                taken[count].append((_rate(ours, some, count), naive and _rate(naive, some, count)))
        runner.run(scorer.close())
    return [
        Rate(
            at_once=count,
            ours=statistics.median(rate for rate, _ in pairs),
            naive=None if naive is None else statistics.median(rate for _, rate in pairs if rate),
            rounds=tuple(pairs),
        )
        for count, pairs in taken.items()
    ]


async def score_all(scorer: CrossEncoderOnnx, searches: Sequence[Search], at_once: int) -> None:
    """Score all searches, so many of them at once.

    Raises:
        AssertionError: some pair was not scored.
        Unscored: a search was refused.
    """
    loop = asyncio.get_running_loop()
    some = asyncio.Semaphore(at_once)

    async def one(search: Search) -> None:
        async with some:
            scores = await scorer.score(ScoreJob(search.query, search.texts, loop.time() + NO_HURRY))
            assert np.isfinite(scores.values).all(), "no hurry, so all are scored"

    await asyncio.gather(*(one(search) for search in searches))


def naive_way() -> Way | None:
    """Return what scores searches by `CrossEncoder.predict` in so many threads, if that is installed."""
    if find_spec("sentence_transformers") is None:
        print("CrossEncoder.predict is left out: needs the [torch] extra")
        return None
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(CROSS_ENCODER), device="cpu", max_length=256)

    def one(search: Search) -> None:
        model.predict([(search.query, text) for text in search.texts], show_progress_bar=False)

    def score_all_naively(searches: Sequence[Search], at_once: int) -> None:
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(one, searches))

    one(Search(QUERIES[0], tuple(passages(TEXTS, LENGTH))))
    return score_all_naively


def mean_tokens(searches: Sequence[Search]) -> float:
    """Return the tokens of a pair, special ones included."""
    tokenizer = Tokenizer.from_file(str(CROSS_ENCODER / "tokenizer.json"))
    return statistics.mean(
        len(tokenizer.encode(search.query, text).ids) for search in searches for text in search.texts
    )


def print_table(rates: Sequence[Rate], tokens: float) -> None:
    """Print the rates side by side."""
    print(f"\npairs of {tokens:.0f} tokens per second, {TEXTS} to a search")
    print(f"{'at once':>8}{'ours':>9}{'predict':>9}{'times':>8}")
    for rate in rates:
        naive = "" if rate.naive is None else f"{rate.naive:>9.1f}{rate.ours / rate.naive:>7.1f}x"
        print(f"{rate.at_once:>8}{rate.ours:>9.1f}{naive}")


def _rate(way: Way, searches: Sequence[Search], at_once: int) -> float:
    before = time.perf_counter()
    way(searches, at_once)
    return len(searches) * TEXTS / (time.perf_counter() - before)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="pairs per second with many searches at once")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, default=KEPT / "throughput.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
