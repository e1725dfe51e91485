"""What each local reranker is worth and what it costs: NDCG@10 before and after, milliseconds, failures.

    python -m tests.benchmarks.local_rerankers --collection scifact --collection nfcorpus --seconds 200

A query's candidates are the 50 documents nearest to it, by dense vectors of all-MiniLM-L6-v2. Each reranker
scores the first 20 of them, then the other 30; 50 take as long as both together. All rerankers score a query
before the next one comes, so that whatever else the machine does hits all alike. What was scored is kept in
`.bench/`: a run that ends after `--seconds` is gone on with by the next one.

From the same answers, int8 is held against float32 of the same weights, and torch against ONNX Runtime.
Cross-encoders need the test model, torch the [torch] extra; what can't run is left out, and said.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from proxy.errors import Unscored
from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder import Reading
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.cross_encoder_torch import CrossEncoderTorch, TorchSettings
from proxy.scoring.late_interaction import LateInteraction
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.token_matrices import TokenMatrices
from proxy.stats.paired import mean_difference
from tests.benchmarks import results
from tests.benchmarks.judged import exists, load
from tests.benchmarks.kept_answers import CANDIDATES, Answer, Kept, Question, candidates_of, gain, store_gain
from tests.benchmarks.shared import CROSS_ENCODER, DATA, KEPT
from tests.benchmarks.tally import Quantiles, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import ModelScorer

PATIENCE = 120.0  # seconds: what fails, fails for another reason than the time
PAIRS = (
    ("late interaction int8", "late interaction fp32"),
    ("late interaction int8, known", "late interaction fp32, known"),
    ("cross-encoder int8", "cross-encoder fp32"),
    ("cross-encoder torch fp32", "cross-encoder fp32"),
)


class Way(NamedTuple):
    """A reranker; one whose documents are `known` has been asked the same before it is timed."""

    scorer: ModelScorer
    known: bool = False

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.scorer.name


@dataclass(frozen=True, slots=True)
class Row:
    """One reranker on one collection, with so many candidates.

    NDCG@10 is of the store's order and of the reranker's; a failed search counts as the store's. `change` is
    the difference with a 95 % interval.
    """

    collection: str
    name: str
    candidates: int
    queries: int
    store: float
    ndcg: float
    change: tuple[float, float, float]
    milliseconds: Quantiles
    failures: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One reranker against another of the same weights, on the same queries and so many candidates.

    `change` is NDCG@10 of the first less that of the second, with a 95 % interval; `correlation` is
    Spearman's of a query's scores, mean and least; `speed` is how many times faster the first is, at the
    median; `largest` is by how much scores differ at most.
    """

    collection: str
    first: str
    second: str
    candidates: int
    queries: int
    change: tuple[float, float, float]
    correlation: tuple[float, float]
    largest: float
    speed: float


async def main(options: argparse.Namespace) -> int:
    """Score what is not scored yet, print tables, write the figures."""
    missing = [name for name in options.collection if not exists(name)]
    if missing:
        print(f"skipped: no {', '.join(missing)} in {DATA}")
        return 0
    ways = [way for way in _ways() if options.reranker is None or way.name in options.reranker]
    for way in ways:
        await way.scorer.start()
    end = time.monotonic() + options.seconds
    rows, comparisons = [], []
    for number, name in enumerate(options.collection):
        questions = candidates_of(load(name), options.queries)
        # What is left of the time is shared by the collections that are left.
        share = max(0.0, end - time.monotonic()) / (len(options.collection) - number)
        kept = Kept(KEPT / f"local-rerankers-{name}.jsonl")
        await score_all(questions, ways, kept, options.candidates, time.monotonic() + share)
        found = {one: kept.of(one, questions) for one in kept.names}
        for count in CANDIDATES:
            rows += [row for one in found if (row := summarise(name, one, count, found[one]))]
            comparisons += [
                one
                for first, second in PAIRS
                if (one := compare(name, (first, second), count, found.get(first, []), found.get(second, [])))
            ]
    for way in ways:
        await way.scorer.close()
    print_tables(rows, comparisons)
    results.write(options.json, {"rerankers": rows, "comparisons": comparisons})
    return 0


# --- scoring -----------------------------------------------------------------------------------


def _ways() -> Iterator[Way]:
    for precision in ("int8", "fp32"):
        # Room for a document or two: each is new whenever it comes.
        yield Way(_late_interaction(f"late interaction {precision}", precision, 2**17))
        yield Way(_late_interaction(f"late interaction {precision}, known", precision, 2**30), known=True)
    if not CROSS_ENCODER.is_dir():
        print(f"cross-encoders are left out: no model in {CROSS_ENCODER}")
        return
    for precision in ("int8", "fp32"):
        yield Way(
            CrossEncoderOnnx(str(CROSS_ENCODER), name=f"cross-encoder {precision}", precision=precision)
        )
    if find_spec("sentence_transformers") is None:
        print("torch is left out: needs the [torch] extra")
        return
    settings = TorchSettings(device="cpu", dtype="fp32")
    yield Way(
        CrossEncoderTorch(
            str(CROSS_ENCODER), name="cross-encoder torch fp32", settings=settings, reading=Reading()
        )
    )


def _late_interaction(name: str, precision: Any, memory: int) -> LateInteraction:
    return LateInteraction(BUILT_IN_MODEL, name=name, precision=precision, matrices=TokenMatrices(memory))


async def score_all(
    questions: Sequence[Question], ways: Sequence[Way], kept: Kept, candidates: int, end: float
) -> None:
    """Score the first `candidates` of all questions, until `end` by the monotonic clock."""
    for question in questions:
        for way in ways:
            known = kept.get(question, way.name)
            if not known.has(candidates) and not known.failed:
                kept.put(question, way.name, await _answer(way, question, known, candidates))
        if time.monotonic() > end:
            return


async def _answer(way: Way, question: Question, known: Answer, candidates: int) -> Answer:
    """Go on from what is known of an answer."""
    loop = asyncio.get_running_loop()
    scores, milliseconds, _ = known
    for stop in CANDIDATES:
        if known.has(stop) or stop > candidates:
            continue
        texts = question.texts[len(scores) : stop]
        try:
            if way.known:
                await way.scorer.score(ScoreJob(question.text, texts, loop.time() + PATIENCE))
            begun = loop.time()
            found = await way.scorer.score(ScoreJob(question.text, texts, begun + PATIENCE))
        except Unscored as unscored:
            return Answer(scores, milliseconds, unscored.reason)
        if np.isnan(found.values).any():
            return Answer(scores, milliseconds, found.missing)
        before = milliseconds[-1] if milliseconds else 0.0
        milliseconds = [*milliseconds, before + (loop.time() - begun) * 1000]
        scores = [*scores, *found.values.tolist()]
    return Answer(scores, milliseconds)


# --- tables ------------------------------------------------------------------------------------


def summarise(collection: str, name: str, count: int, found: Sequence[tuple[Question, Answer]]) -> Row | None:
    """Average a reranker's answers of so many candidates; None without any."""
    asked = [(question, answer) for question, answer in found if answer.has(count) or answer.failed]
    scored = [answer for _, answer in asked if answer.has(count)]
    if not scored:
        return None
    store = [store_gain(question) for question, _ in asked]
    gains = [gain(question, answer, count) for question, answer in asked]
    step = CANDIDATES.index(count)
    return Row(
        collection,
        name,
        count,
        len(asked),
        float(np.mean(store)),
        float(np.mean(gains)),
        mean_difference(store, gains),
        quantiles([answer.milliseconds[step] / 1000 for answer in scored]),
        len(asked) - len(scored),
    )


def compare(
    collection: str,
    names: tuple[str, str],
    count: int,
    first: Sequence[tuple[Question, Answer]],
    second: Sequence[tuple[Question, Answer]],
) -> Comparison | None:
    """Hold one reranker against another, on the questions that both have scored; None without any."""
    others = {question.id: answer for question, answer in second if answer.has(count)}
    both = [
        (question, answer, others[question.id])
        for question, answer in first
        if answer.has(count) and question.id in others
    ]
    if not both:
        return None
    gains = [(gain(question, one, count), gain(question, other, count)) for question, one, other in both]
    scores = [(np.array(one.scores[:count]), np.array(other.scores[:count])) for _, one, other in both]
    correlations = [_spearman(one, other) for one, other in scores]
    step = CANDIDATES.index(count)
    return Comparison(
        collection,
        *names,
        count,
        len(both),
        mean_difference([other for _, other in gains], [one for one, _ in gains]),
        (float(np.mean(correlations)), min(correlations)),
        max(float(np.abs(one - other).max()) for one, other in scores),
        float(np.median([other.milliseconds[step] / one.milliseconds[step] for _, one, other in both])),
    )


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the rank correlation; equal scores, which hardly occur, are ranked by their place."""
    ranks = [np.argsort(np.argsort(scores, kind="stable")) for scores in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def print_tables(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> None:
    """Print what was measured."""
    print(f"\n{'collection':<11}{'reranker':<29}{'texts':>6}{'n':>5}{'store':>7}{'NDCG@10':>9}", end="")
    print(f"{'change, 95 %':>26}{'p50':>7}{'p95':>7}{'p99':>7} ms{'failed':>8}")
    for row in rows:
        change, taken = "{:+.3f} ({:+.3f} .. {:+.3f})".format(*row.change), row.milliseconds
        print(
            f"{row.collection:<11}{row.name:<29}{row.candidates:>6}{row.queries:>5}{row.store:>7.3f}", end=""
        )
        print(f"{row.ndcg:>9.3f}{change:>26}{taken.p50:>7.0f}{taken.p95:>7.0f}{taken.p99:>7.0f}", end="")
        print(f"   {row.failures / row.queries:>8.1%}")
    print(f"\n{'collection':<11}{'first - second':<50}{'texts':>6}{'n':>5}{'NDCG@10, 95 %':>29}", end="")
    print(f"{'Spearman':>10}{'least':>8}{'differ':>9}{'speed':>7}")
    for one in comparisons:
        change = "{:+.4f} ({:+.4f} .. {:+.4f})".format(*one.change)
        print(f"{one.collection:<11}{f'{one.first} - {one.second}':<50}{one.candidates:>6}", end="")
        print(f"{one.queries:>5}{change:>29}{one.correlation[0]:>10.4f}{one.correlation[1]:>8.4f}", end="")
        print(f"{one.largest:>9.5f}{one.speed:>6.2f}x")


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="NDCG@10, milliseconds and failures of every local reranker."
    )
    parser.add_argument("--collection", action="append", help="a folder of ../shared/data; may be repeated")
    parser.add_argument("--reranker", action="append", help="only this one; may be repeated")
    parser.add_argument("--candidates", type=int, choices=CANDIDATES, default=50, help="how many are scored")
    parser.add_argument("--queries", type=int, default=100, help="how many are drawn of each collection")
    parser.add_argument(
        "--seconds", type=float, default=200, help="stop after that long; the next run goes on"
    )
    parser.add_argument("--json", type=Path, default=KEPT / "local_rerankers.json", help="where figures go")
    options = parser.parse_args(arguments)
    options.collection = options.collection or ["scifact", "nfcorpus"]
    return options


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_options())))
