"""What a search waits for a cross-encoder on a GPU: milliseconds for 20 and 50 candidates, by number format.

    python -m tests.benchmarks.gpu_rerank --model ../shared/models/ce-minilm-l6 --rounds 200

Passages of about 100 and 250 tokens; every search has other ones. Twenty candidates should take 80 ms at the
median and 150 ms at p95. One search at a time, then eight at once, whose pairs share calls. Without a GPU or
without the [torch] extra it says so and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder import Reading
from proxy.scoring.cross_encoder_torch import CrossEncoderTorch, TorchSettings
from tests.benchmarks import results
from tests.benchmarks.prose import QUERIES, passages
from tests.benchmarks.shared import CROSS_ENCODER, KEPT
from tests.benchmarks.tally import Quantiles, quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

CANDIDATES = (20, 50)
TOKENS = (100, 250)
AT_ONCE = (1, 8)
PROMISED = (80.0, 150.0)  # milliseconds for 20 candidates: p50, p95
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of search: its milliseconds, and the failed ones."""

    dtype: str
    candidates: int
    tokens: int
    at_once: int
    milliseconds: Quantiles
    failures: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print a table, write the figures."""
    options = _options(arguments)
    if (why := _no_gpu()) or not options.model.is_dir():
        print(f"skipped: {why or f'no model in {options.model}'}")
        return 0
    rows = [row for dtype in options.dtype for row in asyncio.run(measure(dtype, options))]
    print_table(rows)
    results.write(options.json, {"gpu": _gpu(), "model": options.model.name, "rerankers": rows})
    return 0


async def measure(dtype: str, options: argparse.Namespace) -> list[Row]:
    """Search with one number format."""
    settings = TorchSettings(device="cuda", dtype=dtype, batch_size=options.batch_size)
    scorer = CrossEncoderTorch(str(options.model), name=dtype, settings=settings, reading=Reading(512, 512))
    await scorer.start()
    rows = []
    for tokens in TOKENS:
        for candidates in CANDIDATES:
            for at_once in AT_ONCE:
                taken = await _search(scorer, candidates, tokens, at_once, options.rounds)
                done = [one for one in taken if one is not None]
                row = Row(dtype, candidates, tokens, at_once, quantiles(done), len(taken) - len(done))
                rows.append(row)
    await scorer.close()
    return rows


async def _search(
    scorer: CrossEncoderTorch, candidates: int, tokens: int, at_once: int, rounds: int
) -> list[float | None]:
    """Return the seconds of each search, None for one that failed; the first few warm up and don't count."""
    warm_up = 10
    taken: list[float | None] = []
    numbers = iter(range(warm_up + rounds))

    async def client() -> None:
        loop = asyncio.get_running_loop()
        for number in numbers:
            texts = passages(candidates, tokens, skip=number * candidates)
            begun = loop.time()
            job = ScoreJob(QUERIES[number % len(QUERIES)], tuple(texts), begun + PATIENCE)
            found = await scorer.score(job)
            if number >= warm_up:
                taken.append(None if np.isnan(found.values).any() else loop.time() - begun)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return taken


def print_table(rows: Sequence[Row]) -> None:
    """Print one line per kind of search."""
    print(f"\n{_gpu()}\n{'dtype':<7}{'texts':>6}{'tokens':>8}{'at once':>9}", end="")
    print(f"{'p50':>8}{'p95':>8}{'p99':>8}{'failed':>8}  ms")
    for row in rows:
        taken = row.milliseconds
        print(f"{row.dtype:<7}{row.candidates:>6}{row.tokens:>8}{row.at_once:>9}", end="")
        print(f"{taken.p50:>8.1f}{taken.p95:>8.1f}{taken.p99:>8.1f}{row.failures:>8}", end="")
        kept = taken.p50 <= PROMISED[0] and taken.p95 <= PROMISED[1]
        print(f"  {'within' if kept else 'above'} 80/150" if row.candidates == CANDIDATES[0] else "")


def _no_gpu() -> str:
    """Say why there is no GPU to measure; empty if there is one."""
    if find_spec("sentence_transformers") is None:
        return "needs the [torch] extra"
    import torch

    return "" if torch.cuda.is_available() else f"torch {torch.__version__} sees no CUDA device"


def _gpu() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Milliseconds of a cross-encoder on a GPU.")
    parser.add_argument("--model", type=Path, default=CROSS_ENCODER, help="a directory")
    parser.add_argument("--dtype", action="append", help="fp32, fp16 or bf16; may be repeated")
    parser.add_argument("--batch-size", type=int, default=0, help="most texts in one call; 0: the usual")
    parser.add_argument("--rounds", type=int, default=200, help="searches of each kind")
    parser.add_argument("--json", type=Path, default=KEPT / "gpu_rerank.json", help="where the figures go")
    options = parser.parse_args(arguments)
    options.dtype = options.dtype or ["fp32", "fp16", "bf16"]
    return options


if __name__ == "__main__":
    sys.exit(main())
