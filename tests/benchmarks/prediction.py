"""How far the cost model is off: what it says just before a search, and what the search then takes.

    python -m tests.benchmarks.prediction --searches 100 --json .bench/prediction.json

One search at a time, with 20 to 50 candidates of 16 to 250 tokens. The first hundred are for the model to
learn from, the next hundred count. With default settings it takes about 90 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.text_pairs import Pair, pair_tokens
from tests.benchmarks import results
from tests.benchmarks.prose import QUERIES, passages
from tests.benchmarks.shared import CROSS_ENCODER, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_HURRY = 600.0  # seconds
AIM = 0.25


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds of one search with so many candidates, before and after."""

    candidates: int
    predicted: float
    actual: float

    @property
    def error(self) -> float:
        """How far off, as a share of what it took; above 0 if it took less."""
        return (self.predicted - self.actual) / self.actual


def main() -> int:
    """Run, print the errors, write the figures."""
    options = _options()
    if not CROSS_ENCODER.is_dir():
        print(f"skipped: no model in {CROSS_ENCODER}")
        return 0
    made = asyncio.run(predict_and_score(2 * options.searches))
    halves = {"first": made[: options.searches], "after them": made[options.searches :]}
    print_table(halves)
    results.write(options.json, {"unit": "seconds", "predictions": made})
    return 0


async def predict_and_score(count: int) -> list[Prediction]:
    """Predict a search, score it, and so on."""
    scorer = CrossEncoderOnnx(str(CROSS_ENCODER), name="cross-encoder")
    await scorer.start()
    loop, random = asyncio.get_running_loop(), np.random.default_rng(0)
    made = []
    for number in range(count):
        texts = some_texts(random)
        job = ScoreJob(QUERIES[number % len(QUERIES)], texts, loop.time() + NO_HURRY)
        predicted = predict(scorer, job)
        before = perf_counter()
        scores = await scorer.score(job)
        made.append(Prediction(len(texts), predicted, perf_counter() - before))
        assert np.isfinite(scores.values).all(), "no hurry, so all are scored"
    await scorer.close()
    return made


def predict(scorer: CrossEncoderOnnx, job: ScoreJob) -> float:
    """Return the seconds that a job is expected to take."""
    assert scorer.engine is not None, "started"
    return scorer.engine.seconds([pair_tokens(Pair(job.query, text)) for text in job.texts])


def some_texts(random: np.random.Generator) -> tuple[str, ...]:
    """Return 20 to 50 texts; the short lengths are as frequent as the long ones, by factors."""
    lengths = np.exp(random.uniform(np.log(16), np.log(250), random.integers(20, 51)))
    return tuple(
        text for length in lengths for text in passages(1, int(length), skip=int(random.integers(1000)))
    )


def print_table(halves: Mapping[str, Sequence[Prediction]]) -> None:
    """Print the errors of all halves."""
    print(f"\n{'searches':<12}{'count':>6}{'seconds':>9}{'|error| p50':>13}{'p90':>7}{'bias':>8}")
    for name, made in halves.items():
        errors = [one.error for one in made]
        p50, p90 = np.quantile(np.abs(errors), (0.5, 0.9))
        seconds = statistics.median(one.actual for one in made)
        bias = statistics.median(errors)
        print(f"{name:<12}{len(made):>6}{seconds:>9.3f}{p50:>13.1%}{p90:>7.1%}{bias:>+8.1%}")
    print(f"aim: p90 at most {AIM:.0%} once it has learnt")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how far the cost model is off")
    parser.add_argument("--searches", type=int, default=100, help="to learn from, and as many that count")
    parser.add_argument("--json", type=Path, default=KEPT / "prediction.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
