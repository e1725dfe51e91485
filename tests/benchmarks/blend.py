"""What a share of the store's own score is worth in the order: NDCG@10 by weight, tuned and then reported.

    python -m tests.benchmarks.blend --json .bench/blend.json

The built-in model reranks the 50 nearest documents by dense vectors of all-MiniLM-L6-v2, all of them, and the
order is that of both scores mixed, as a rule's `blend` does it. The best weight is chosen on every second
query and reported on the others, which it has not seen. With default settings it takes 15 seconds, the first
time ever 5 minutes more to encode the documents.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.policy import LateInteractionModel
from proxy.scorers import build_scorer
from proxy.scoring.base import ScoreJob
from proxy.scoring.blend import blended
from proxy.scoring.order import order_by_score
from proxy.stats.ndcg import ndcg
from proxy.stats.paired import mean_difference
from tests.benchmarks import results
from tests.benchmarks.judged import embedded, exists, load
from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tests.benchmarks.judged import Collection

COLLECTIONS = ("scifact", "nfcorpus")
WEIGHTS = tuple(step / 20 for step in range(11))
WINDOW = 50
DEPTH = 10
MATRICES_MB = 512


class Asked(NamedTuple):
    """One query: the nearest documents, best first, with the store's scores and the reranker's."""

    names: Sequence[str]
    store: Sequence[float]
    values: NDArray[np.float32]
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tuned:
    """One collection: NDCG@10 by weight, parallel to `WEIGHTS`, of the halves for tuning and for the report.

    `change` is what the chosen weight adds to no blending on the latter, with a 95 % interval.
    """

    collection: str
    queries: tuple[int, int]
    dense: float
    tuning: tuple[float, ...]
    report: tuple[float, ...]
    chosen: float
    change: tuple[float, float, float]


def main() -> int:
    """Run, print a table, write the figures."""
    options = _options()
    missing = [name for name in options.collection if not exists(name)]
    if missing:
        print(f"skipped: no {', '.join(missing)} in {DATA}")
        return 0
    tuned = [tune(name, asyncio.run(ask_all(load(name)))) for name in options.collection]
    print_table(tuned)
    results.write(options.json, {"window": WINDOW, "weights": WEIGHTS, "collections": tuned})
    return 0


async def ask_all(collection: Collection) -> list[Asked]:
    """Rank the nearest documents of every query, without hurry."""
    names, texts = list(collection.documents), list(collection.documents.values())
    documents = embedded(f"{collection.name}-documents", texts)
    queries = embedded(f"{collection.name}-queries", list(collection.queries.values()))
    file = str(KEPT / f"{collection.name}-matrices.bin")
    model = LateInteractionModel(kind="late_interaction", memory_mb=MATRICES_MB, file=file)
    scorer = build_scorer("default", model)
    await scorer.start()
    asked = []
    for (query, text), vector in zip(collection.queries.items(), queries, strict=True):
        similarities = documents @ vector
        nearest = np.argsort(-similarities, kind="stable")[:WINDOW]
        job = ScoreJob(text, tuple(texts[place] for place in nearest), math.inf)
        scores = await scorer.score(job)
        asked.append(
            Asked(
                [names[place] for place in nearest],
                similarities[nearest].tolist(),
                scores.values,
                collection.grades[query],
            )
        )
    await scorer.close()
    return asked


def tune(collection: str, asked: Sequence[Asked]) -> Tuned:
    """Choose the best weight on every second query; the lightest of equal ones."""
    tuning, report = asked[::2], asked[1::2]
    by_weight = tuple(_mean(tuning, weight) for weight in WEIGHTS)
    chosen = WEIGHTS[int(np.argmax(by_weight))]
    return Tuned(
        collection,
        (len(tuning), len(report)),
        float(np.mean([ndcg(one.names, one.grades, DEPTH) for one in report])),
        by_weight,
        tuple(_mean(report, weight) for weight in WEIGHTS),
        chosen,
        mean_difference(_gains(report, 0.0), _gains(report, chosen)),
    )


def _gains(asked: Sequence[Asked], weight: float) -> list[float]:
    return [ndcg(_ranked(one, weight), one.grades, DEPTH) for one in asked]


def _mean(asked: Sequence[Asked], weight: float) -> float:
    return float(np.mean(_gains(asked, weight)))


def _ranked(one: Asked, weight: float) -> list[str]:
    values = blended(one.values, one.store, weight) if weight else one.values
    return [one.names[place] for place in order_by_score(values, range(len(values)), len(values))]


def print_table(tuned: Sequence[Tuned]) -> None:
    """Print a column of weights, and for each collection both halves."""
    print(f"\n{'weight':<8}", end="")
    print("".join(f"{one.collection + half:>20}" for one in tuned for half in (" tuning", " report")))
    for place, weight in enumerate(WEIGHTS):
        figures = (f"{half[place]:>20.4f}" for one in tuned for half in (one.tuning, one.report))
        print(f"{weight:<8.2f}{''.join(figures)}")
    for one in tuned:
        change = "{:+.4f} ({:+.4f} .. {:+.4f})".format(*one.change)
        print(
            f"{one.collection}: {one.chosen:.2f} is chosen on {one.queries[0]} queries; on the other", end=""
        )
        print(f" {one.queries[1]} it adds {change}; dense alone {one.dense:.4f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="NDCG@10 by the weight of the store's own score")
    parser.add_argument("--collection", action="append", help="a folder of ../shared/data; may be repeated")
    parser.add_argument("--json", type=Path, default=KEPT / "blend.json", help="where to write the figures")
    options = parser.parse_args()
    options.collection = options.collection or COLLECTIONS
    return options


if __name__ == "__main__":
    sys.exit(main())
