"""What a reranker did for every judged query of a collection, asked once and kept in `.bench/`.

    flock LOCK python -m tests.benchmarks.lifts --collection arguana --queries 300 --seconds 150

A query's candidates are the 20 documents nearest to it by dense vectors of all-MiniLM-L6-v2, and the reranker
is the test cross-encoder, in int8. It was trained on questions about encyclopedia paragraphs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.evidence.lift import DEPTH
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.score_keys import normalised
from proxy.stats.ndcg import ndcg
from tests.benchmarks.judged import load
from tests.benchmarks.kept_answers import CANDIDATES, Kept, candidates_of
from tests.benchmarks.local_rerankers import Way, score_all
from tests.benchmarks.shared import CROSS_ENCODER, KEPT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.kept_answers import Question

RERANKER = "cross-encoder int8"
# Their queries are documents of the collection as well, each the nearest one to itself: BEIR leaves it out.
_QUERIES_ARE_DOCUMENTS = frozenset(("arguana",))
_WINDOW = CANDIDATES[0]


class Judged(NamedTuple):
    """A query, the order that the reranker gives its candidates, and what is relevant."""

    question: Question
    order: tuple[int, ...]

    @property
    def lift(self) -> float:
        """NDCG@5 of the reranked order less that of the store's."""
        ids = self.question.ids
        reranked = ndcg([ids[place] for place in self.order], self.question.grades, DEPTH)
        return reranked - ndcg(ids, self.question.grades, DEPTH)


def questions(name: str, count: int) -> list[Question]:
    """Draw queries of a collection, with their candidates."""
    drawn = []
    for one in candidates_of(load(name), count):
        places = [
            place
            for place, found in enumerate(one.ids)
            if name not in _QUERIES_ARE_DOCUMENTS or found != one.id
        ][:_WINDOW]
        ids, texts = (tuple(column[place] for place in places) for column in (one.ids, one.texts))
        drawn.append(one._replace(ids=ids, texts=texts))
    return drawn


def judged(name: str, count: int) -> list[Judged]:
    """Return what is known of the first `count` queries; those without a relevant candidate are left out.

    A collection may have a query twice, with other judgments; the first one counts.
    """
    distinct = {normalised(one.text): one for one in reversed(questions(name, count))}
    found = Kept(_file(name)).of(RERANKER, list(reversed(distinct.values())))
    return [
        Judged(question, tuple(np.argsort(-np.array(answer.scores[:_WINDOW]), kind="stable").tolist()))
        for question, answer in found
        if answer.has(_WINDOW) and set(question.ids) & set(question.grades)
    ]


async def score(name: str, count: int, seconds: float) -> None:
    """Ask the reranker about what is not known yet, for so many seconds at most."""
    asked = questions(name, count)
    scorer = CrossEncoderOnnx(str(CROSS_ENCODER), name=RERANKER, precision="int8")
    await scorer.start()
    try:
        await score_all(asked, [Way(scorer)], Kept(_file(name)), _WINDOW, time.monotonic() + seconds)
    finally:
        await scorer.close()


def _file(name: str) -> Path:
    return KEPT / f"lifts-{name}.jsonl"


def main() -> int:
    """Ask, and say how far it is."""
    parser = argparse.ArgumentParser(description="Lifts of the test cross-encoder")
    parser.add_argument("--collection", required=True, help="a folder of ../shared/data")
    parser.add_argument("--queries", type=int, default=300, help="how many are drawn")
    parser.add_argument("--seconds", type=float, default=150, help="stop after that long; go on next time")
    options = parser.parse_args()
    asyncio.run(score(options.collection, options.queries, options.seconds))
    lifts = np.array([one.lift for one in judged(options.collection, options.queries)])
    print(
        f"{options.collection}: {len(lifts)} queries, lift {lifts.mean():+.4f}, deviation {lifts.std():.3f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
