"""What came of cases, in numbers: how good the order is, and what it cost."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import orjson

from proxy.stats.latency import percentiles
from proxy.stats.ndcg import ndcg
from proxy.stats.overlap import overlap_at, rank_biased_overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.stats.latency import Latency
    from proxy.tuning.cases import Case
    from proxy.tuning.exercise import Trial
    from proxy.tuning.points import Point


class Yardstick(Protocol):
    """Says how good an order is, from 0 to 1, in two ways: the first one is chosen by."""

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called."""
        ...

    @property
    def digest(self) -> str:
        """All that it depends on, beside the cases."""
        ...

    def measure(self, place: int, case: Case, order: Sequence[int]) -> tuple[float, float]:
        """Return both for an order of the candidates of the case at that place."""
        ...


class Judgments:
    """The order against what people judged to be relevant."""

    digest = "judgments"

    def __init__(self, rows: int) -> None:
        """Take how many rows the pages have."""
        self.names = ndcg_name(5, rows), ndcg_name(10, rows)

    def measure(self, place: int, case: Case, order: Sequence[int]) -> tuple[float, float]:  # noqa: ARG002
        """Return the two."""
        ids = case.ids(order)
        return ndcg(ids, case.relevant, 5), ndcg(ids, case.relevant, 10)


def ndcg_name(depth: int, rows: int) -> str:
    """Return what NDCG to a depth is called; a page of fewer `rows` has no more to tell."""
    return f"NDCG@{depth}" if depth <= rows else f"NDCG@{depth} (of {rows} rows)"


class Agreement:
    """The order against that of a reference, where nobody has judged: how much it is the same.

    That says how well a cheaper setting stands in for a dearer one, not how good either is.
    """

    names = ("RBO", "overlap@5")

    def __init__(self, references: Sequence[Sequence[int]]) -> None:
        """Take the reference's order of every case."""
        self._references = references
        self.digest = hashlib.blake2b(orjson.dumps(references), digest_size=16).hexdigest()

    def measure(self, place: int, case: Case, order: Sequence[int]) -> tuple[float, float]:
        """Return rank-biased overlap (p .9) and overlap of the pages."""
        ours, theirs = case.ids(order), case.ids(self._references[place])
        return rank_biased_overlap(ours, theirs), overlap_at(ours, theirs, 5)


class Row(NamedTuple):
    """One case at one point: both measures, the milliseconds added, and the verdict in short."""

    quality: float
    second: float
    ms: float
    outcome: str
    reason: str | None
    scored: int


def row_of(trial: Trial, measured: tuple[float, float]) -> Row:
    """Return a trial in numbers."""
    verdict = trial.verdict
    reason = None if verdict.reason is None else verdict.reason.value
    return Row(*measured, trial.seconds * 1000, verdict.outcome.value, reason, verdict.scored)


@dataclass(frozen=True, slots=True)
class Series:
    """A point and what came of the first cases, in their order; there is one at least."""

    point: Point
    rows: tuple[Row, ...]

    @property
    def qualities(self) -> tuple[float, ...]:
        """The first measure of every case."""
        return tuple(row.quality for row in self.rows)

    @property
    def quality(self) -> float:
        """The mean of the first measure."""
        return float(np.mean(self.qualities))

    @property
    def second(self) -> float:
        """The mean of the second measure."""
        return float(np.mean([row.second for row in self.rows]))

    @property
    def added(self) -> Latency:
        """The seconds added."""
        return percentiles([row.ms / 1000 for row in self.rows])

    def share(self, *outcomes: str) -> float:
        """Return the share of cases with such an outcome."""
        return sum(row.outcome in outcomes for row in self.rows) / len(self.rows)


def rows_from(data: Any) -> tuple[Row, ...]:
    """Return rows as JSON has them.

    Raises:
        TypeError: these are no rows.
    """
    return tuple(Row(*row) for row in data)
