"""How a collection warms up: NDCG@10 and added latency over the first 1,000 searches.

    python -m tests.benchmarks.warm_up --plot .bench/warm_up.png

Late interaction with the built-in model reranks the dense top-50 of SciFact, test and train queries in one
shuffled row, as they arrive at a steady rate by chance (Poisson). Three times over, each time from nothing:

    cold       nothing is kept, and nothing is encoded behind the answers
    by use     as midrank does: what is encoded is kept, what was missed is encoded in idle time
    by write   the same, but all documents were written two minutes before, and encoded as far as that went

The searches go straight to the ranker: no store and no sockets, so the latency is that of ranking.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uvloop

from proxy.model import Candidate
from proxy.policy import Candidates, Rule
from proxy.scoring.late_interaction import LateInteraction
from proxy.scoring.ranker import Ranker
from proxy.scoring.token_matrices import TokenMatrices
from proxy.stats.ndcg import ndcg
from tests.benchmarks import judged, results
from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.model import Verdict

COLLECTION = "scifact"
DEPTH = 10
BUCKETS = 10  # points of a curve
CURVES = ("cold", "by use", "by write")
WRITTEN_AT_ONCE = 16  # documents, as a passing write hands them over


class Question(NamedTuple):
    """A query, its judgments, and its candidates in the order of the dense search."""

    text: str
    grades: Mapping[str, int]
    candidates: tuple[Candidate, ...]

    def ndcg(self, order: Sequence[int]) -> float:
        """Give NDCG@10 of the candidates in an order."""
        return ndcg([self.candidates[place].id for place in order[:DEPTH]], self.grades, DEPTH)


class Search(NamedTuple):
    """What became of one: quality as ranked and as it came, and the seconds that ranking took."""

    ndcg: float
    dense: float
    added: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Point:
    """Some searches in a row, from the `first` on."""

    first: int
    ndcg: float
    dense: float
    added_ms_p50: float
    added_ms_p95: float
    scored_share: float

    @classmethod
    def of(cls, first: int, searches: Sequence[Search]) -> Point:
        """Average them."""
        added = [search.added * 1000 for search in searches]
        candidates = sum(search.verdict.candidates for search in searches)
        return cls(
            first=first,
            ndcg=float(np.mean([search.ndcg for search in searches])),
            dense=float(np.mean([search.dense for search in searches])),
            added_ms_p50=float(np.quantile(added, 0.5)),
            added_ms_p95=float(np.quantile(added, 0.95)),
            scored_share=sum(search.verdict.scored for search in searches) / candidates,
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """One way to warm up; `known` documents and `encoded` ones, of them in idle time, at its end."""

    name: str
    points: tuple[Point, ...]
    known: int
    encoded_idle: int


def main() -> int:
    """Run, print tables, draw, write the figures."""
    options = _options()
    if not judged.exists(COLLECTION):
        print(f"skipped: no {COLLECTION} in {DATA}")
        return 0
    collection = judged.load(COLLECTION, splits=("test", "train"))
    questions = ask(collection, options.window)[: options.searches]
    curves = []
    for name in options.curve or CURVES:
        curve = uvloop.run(measure(name, questions, list(collection.documents.values()), options))
        print_curve(curve)
        curves.append(curve)
    results.write(
        options.json,
        {
            "rate": options.rate,
            "budget_ms": options.budget_ms,
            "head_start": options.head_start,
            "curves": curves,
        },
    )
    if options.plot:
        from tests.benchmarks.warm_up_plot import draw

        draw(curves, options.budget_ms, options.plot)
        print(f"drawn to {options.plot}")
    return 0


def ask(collection: judged.Collection, window: int) -> list[Question]:
    """Give all questions in a shuffled order that is always the same, with their dense candidates."""
    documents = [Candidate(identity, text) for identity, text in collection.documents.items()]
    vectors = judged.embedded(f"{COLLECTION}-documents", [one.text or "" for one in documents])
    asked = judged.embedded(f"{COLLECTION}-queries", list(collection.queries.values()))
    top = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :window]
    questions = [
        Question(text, collection.grades[query], tuple(documents[place] for place in places))
        for (query, text), places in zip(collection.queries.items(), top.tolist(), strict=True)
    ]
    return [questions[place] for place in np.random.default_rng(0).permutation(len(questions))]


async def measure(
    name: str, questions: Sequence[Question], texts: Sequence[str], options: argparse.Namespace
) -> Curve:
    """Ask all questions, each at its time, whatever became of those before."""
    matrices = TokenMatrices(0 if name == "cold" else options.memory_mb * 2**20)
    scorer = LateInteraction(name="default", matrices=matrices)
    await scorer.start()
    ranker = Ranker(scorer)
    if name == "by write":
        for start in range(0, len(texts), WRITTEN_AT_ONCE):
            scorer.learn(texts[start : start + WRITTEN_AT_ONCE])
        await _wait(scorer, options.head_start)
    async with asyncio.TaskGroup() as group:
        asked = []
        for question, pause in zip(questions, _pauses(options.rate), strict=False):
            asked.append(group.create_task(search(ranker, question, options)))
            await asyncio.sleep(pause)
    searches = [task.result() for task in asked]
    step = max(1, len(searches) // BUCKETS)
    points = [Point.of(first, searches[first : first + step]) for first in range(0, len(searches), step)]
    curve = Curve(name, tuple(points), len(matrices), scorer.warm_up.encoded)
    await scorer.close()
    await ranker.close()
    return curve


async def search(ranker: Ranker, question: Question, options: argparse.Namespace) -> Search:
    """Rank the candidates of one question."""
    began = perf_counter()
    ranked = await ranker.rank(
        question.text,
        question.candidates,
        window=options.window,
        deadline=asyncio.get_running_loop().time() + options.budget_ms / 1000,
        at_least=Candidates().at_least,
    )
    added = perf_counter() - began
    dense = range(len(question.candidates))
    return Search(question.ndcg(ranked.order), question.ndcg(dense), added, ranked.verdict)


def print_curve(curve: Curve) -> None:
    """Print one line per point."""
    print(
        f"\n{curve.name}: {curve.known} documents known at the end, {curve.encoded_idle} encoded in idle time"
    )
    print(f"{'searches':<12}{'NDCG@10':>8}{'dense':>8}{'added p50':>12}{'p95':>10}{'scored':>8}")
    for point in curve.points:
        print(f"{f'from {point.first}':<12}{point.ndcg:>8.3f}{point.dense:>8.3f}", end="")
        print(
            f"{point.added_ms_p50:>9.1f} ms{point.added_ms_p95:>7.1f} ms{point.scored_share:>8.0%}",
            flush=True,
        )


async def _wait(scorer: LateInteraction, seconds: float) -> None:
    """Let so many seconds pass, or fewer if nothing waits to be encoded any more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(scorer.warm_up):  # noqa: ASYNC110 (nobody is told)
                await asyncio.sleep(0.1)


def _pauses(rate: float) -> Iterator[float]:
    """Yield the seconds between arrivals, the same ones for every curve."""
    random = np.random.default_rng(1)
    while True:
        yield float(random.exponential(1 / rate))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="NDCG@10 and latency while a collection warms up")
    parser.add_argument("--curve", action="append", choices=CURVES, help="one of the curves; may be repeated")
    parser.add_argument("--searches", type=int, default=1000, help="of each curve")
    parser.add_argument("--rate", type=float, default=5.0, help="searches per second")
    parser.add_argument(
        "--head-start", type=float, default=120.0, help="seconds from the writes to the first search"
    )
    parser.add_argument("--budget-ms", type=float, default=Rule().budget_ms)
    parser.add_argument("--window", type=int, default=Candidates().max, help="candidates of a search")
    parser.add_argument("--memory-mb", type=int, default=256, help="memory for token matrices")
    parser.add_argument("--json", type=Path, default=KEPT / "warm_up.json", help="where to write the figures")
    parser.add_argument("--plot", type=Path, help="where to draw the curves, as PNG; needs matplotlib")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
