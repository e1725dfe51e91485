"""What the answers to all questions add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.evaluation.verdict import WORTHWHILE_LIFT
from proxy.stats.latency import percentiles
from proxy.stats.ndcg import ndcg
from proxy.stats.paired import mean_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.demo.asking import Pair
    from proxy.demo.questions import Question


@dataclass(frozen=True, slots=True)
class Summary:
    """One pass over all questions: mean NDCG, times in seconds, shares from 0 to 1."""

    ndcg5: tuple[float, float]
    ndcg10: tuple[float, float]
    lift: tuple[float, float, float]
    improved: float
    hurt: float
    added_p50: float
    added_p95: float
    direct_p50: float
    outcomes: tuple[tuple[str, int], ...]

    @property
    def verdict(self) -> str:
        """Say honestly whether reranking pays on this corpus, by the gain of NDCG@5 and its 95 % interval."""
        mean, low, high = self.lift
        measured = f"NDCG@5 {mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
        if mean < WORTHWHILE_LIFT:
            return f"Probably not worth a reranker here: {measured}."
        if low <= 0:
            return f"Perhaps worth a reranker here, but too few questions to be sure: {measured}."
        return f"Worth a reranker here: {measured}."


def summarise(questions: Sequence[Question], pairs: Sequence[Pair]) -> Summary:
    """Add up one pass; `pairs` answer `questions` in their order."""
    before5, after5 = (_scores(questions, pairs, direct, 5) for direct in (True, False))
    before10, after10 = (_scores(questions, pairs, direct, 10) for direct in (True, False))
    added = percentiles([pair.added for pair in pairs])
    difference = np.subtract(after5, before5)
    return Summary(
        ndcg5=(float(np.mean(before5)), float(np.mean(after5))),
        ndcg10=(float(np.mean(before10)), float(np.mean(after10))),
        lift=mean_difference(before5, after5),
        improved=float(np.mean(difference > 0)),
        hurt=float(np.mean(difference < 0)),
        added_p50=added.p50,
        added_p95=added.p95,
        direct_p50=percentiles([pair.direct.seconds for pair in pairs]).p50,
        outcomes=tuple(Counter(pair.reranked.outcome for pair in pairs).most_common()),
    )


def _scores(questions: Sequence[Question], pairs: Sequence[Pair], direct: bool, k: int) -> list[float]:
    return [
        ndcg((pair.direct if direct else pair.reranked).documents, question.relevant, k)
        for question, pair in zip(questions, pairs, strict=True)
    ]
