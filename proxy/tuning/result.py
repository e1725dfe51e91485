"""What a sweep has found: every point with what it is worth, and the one to choose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from proxy.evaluation.results import Difference
from proxy.evaluation.verdict import WORTHWHILE_LIFT, judge
from proxy.evaluation.wording import duration, points
from proxy.stats.paired import mean_difference, randomisation_p, wins_losses
from proxy.tuning.frontier import Option, choose, fits, layers
from proxy.tuning.gaps import ASK_MORE, few, gap_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.tuning.gaps import Gap
    from proxy.tuning.points import Point
    from proxy.tuning.trials import Series


@dataclass(frozen=True)
class Result:
    """Every point of a sweep, and both measures of the store's order for every case.

    `longest` are the seconds that a search may take longer at p99. Without judgments (`judged`), qualities
    are agreement with a reference.
    """

    series: tuple[Series, ...]
    store: tuple[tuple[float, float], ...]
    names: tuple[str, str]
    judged: bool
    longest: float

    @cached_property
    def complete(self) -> tuple[Series, ...]:
        """The points that were measured on all cases, the fastest first."""
        found = (one for one in self.series if len(one.rows) == len(self.store))
        return tuple(sorted(found, key=lambda one: (one.added.p99, -one.quality)))

    @cached_property
    def left_out(self) -> tuple[Series, ...]:
        """The points that were not; those that came farthest first."""
        found = (one for one in self.series if len(one.rows) < len(self.store))
        return tuple(sorted(found, key=lambda one: (-len(one.rows), one.added.p99)))

    @cached_property
    def frontier(self) -> tuple[Series, ...]:
        """Those complete ones of which none is both as fast and as good."""
        fronts = layers(self._options)
        return tuple(one for one, front in zip(self.complete, fronts, strict=True) if front == 0)

    @cached_property
    def chosen(self) -> Series | None:
        """The point to take; None if none is fast enough.

        Where a smaller budget has the same answers, it is enough: that it took longer is chance.
        """
        place = choose(self._options, self.longest)
        if place is None:
            return None
        chosen = self.complete[place]
        alike = (
            one
            for one in self.complete
            if one.point._replace(budget_ms=chosen.point.budget_ms) == chosen.point
            and one.qualities == chosen.qualities
            and fits(one.added.p99, self.longest)
        )
        return min(alike, key=lambda one: one.point.budget_ms)

    @cached_property
    def best(self) -> Series | None:
        """The best of those that are fast enough."""
        fast = [one for one in self.complete if fits(one.added.p99, self.longest)]
        return max(fast, key=lambda one: one.quality, default=None)

    def store_quality(self, series: Series) -> tuple[float, ...]:
        """Return the first measure of the store's order, for the cases of a series."""
        return tuple(quality for quality, _ in self.store[: len(series.rows)])

    @cached_property
    def lifts(self) -> Mapping[Point, Gap]:
        """Every point's mean difference to the store's order."""
        return {one.point: gap_between(self.store_quality(one), one.qualities) for one in self.series}

    @cached_property
    def shortfalls(self) -> Mapping[Point, Gap]:
        """Every point's mean difference to the chosen one for the same cases."""
        if self.chosen is None:
            return {}
        chosen = self.chosen.qualities
        return {one.point: gap_between(chosen[: len(one.rows)], one.qualities) for one in self.series}

    @property
    def sentences(self) -> tuple[str, ...]:
        """The advice, in plain sentences."""
        if self.chosen is None or self.best is None:
            fastest = duration(self.complete[0].added.p99)
            return (f"No point keeps within {duration(self.longest)} at p99; the fastest takes {fastest}.",)
        too_few = f"{len(self.store)} queries are too few to go by: {ASK_MORE}."
        if not self.judged:
            nobody = "Nobody has judged these searches: whether any order is good, they can't tell."
            return (nobody, too_few) if few(len(self.store)) else (nobody,)
        if few(len(self.store)):
            return (f"Can't tell: {too_few}",)
        before, after = self.store_quality(self.chosen), self.chosen.qualities
        difference = Difference(
            *mean_difference(before, after), randomisation_p(before, after), *wins_losses(before, after)
        )
        verdict = judge(
            difference,
            len(after),
            added_p99=self.chosen.added.p99,
            fell_back=self.chosen.share("fallback"),
            measure=self.names[0],
        )
        best = self.lifts[self.best.point]
        if best.mean >= WORTHWHILE_LIFT:
            return (verdict.sentence,)
        none = (
            f"Probably not worth a reranker: no point within {duration(self.longest)} at p99 lifts "
            f"{self.names[0]} by {points(WORTHWHILE_LIFT)}; the best one's lift is "
            f"{points(best.mean, signed=True)} (95 % {best.ends})."
        )
        return none, f"Of the chosen point: {verdict.sentence}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other programs; times are in milliseconds."""
        return {
            "measures": list(self.names),
            "judged": self.judged,
            "max_p99_ms": self.longest * 1000,
            "cases": len(self.store),
            "store": [sum(one[place] for one in self.store) / len(self.store) for place in (0, 1)],
            "points": [self._point(one) for one in (*self.complete, *self.left_out)],
            "advice": list(self.sentences),
        }

    def _point(self, series: Series) -> dict[str, Any]:
        point = series.point
        return {
            "models": list(point.models),
            "depth": point.depth,
            "max_tokens": None if point.tokens is None else point.tokens.most,
            "min_tokens": None if point.tokens is None else point.tokens.least,
            "budget_ms": point.budget_ms,
            "cases": len(series.rows),
            "measured": [series.quality, series.second],
            "lift": list(self.lifts[point]),
            "to_chosen": list(self.shortfalls.get(point, ())) or None,
            "added_ms": {name: value * 1000 for name, value in series.added._asdict().items()},
            "outcomes": {name: series.share(name) for name in sorted({row.outcome for row in series.rows})},
            "frontier": series in self.frontier,
            "chosen": series is self.chosen,
        }

    @cached_property
    def _options(self) -> Sequence[Option]:
        return [Option(one.added.p99, one.qualities) for one in self.complete]
