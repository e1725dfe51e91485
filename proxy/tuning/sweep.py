"""All points on a few cases, fewer points on more of them: what is clearly worse takes no more time.

Successive halving (Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization", AISTATS 2016): after each round the worse half is left out, and the others are measured on
twice as many cases, until all cases are used up. What was measured before counts on.

Points with the same models that read the same share a bench: there, models are loaded once, and texts that
can be known are.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from proxy.scoring.llm.spending import Purse
from proxy.tuning.cases import digest_of
from proxy.tuning.exercise import NO_HURRY, Bench
from proxy.tuning.frontier import Option, survivors
from proxy.tuning.journal import key_of
from proxy.tuning.points import Point, applied
from proxy.tuning.trials import Agreement, Judgments, Row, Series, row_of, rows_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.policy import Policy, Rule
    from proxy.scoring.base import ModelScorer
    from proxy.tuning.cases import Case
    from proxy.tuning.journal import Journal
    from proxy.tuning.trials import Yardstick

State = Literal["warm", "cold"]

# So few points are all measured to the end.
FEW = 4


class Terms(NamedTuple):
    """How to sweep.

    In the first round there are `first` cases. A point whose p95 exceeds `longest` seconds goes first.
    `warm`: texts that models can know are known; `cold`: nothing is when a point's turn comes. Without
    judgments `reference` is the point whose order the others are compared with, in no hurry.
    """

    first: int
    longest: float
    state: State = "warm"
    reference: Point | None = None


class Round(NamedTuple):
    """The cases from `start` to `stop`, for so many points."""

    start: int
    stop: int
    points: int


def rounds(points: int, cases: int, first: int) -> tuple[Round, ...]:
    """Return the rounds of a sweep: twice the cases, and half the points, each time."""
    stops = [0, min(first, cases)]
    while stops[-1] < cases:
        stops.append(min(2 * stops[-1], cases))
    found: list[Round] = []
    for start, stop in pairwise(stops):
        found.append(Round(start, stop, points))
        points = min(points, max(FEW, -(-points // 2)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep of one rule of a policy over points and cases.

    `done` hears how many more cases were measured, and `known` how many had been by an earlier run;
    `scorers` stand in for models, for tests.
    """

    policy: Policy
    rule: Rule
    points: Sequence[Point]
    cases: Sequence[Case]
    terms: Terms
    journal: Journal
    purse: Purse = field(default_factory=Purse)
    done: Callable[[int], None] = lambda _: None
    known: Callable[[int], None] = lambda _: None
    scorers: Mapping[str, ModelScorer] | None = None

    @property
    def rounds(self) -> tuple[Round, ...]:
        """What is to be done."""
        return rounds(len(self.points), len(self.cases), self.terms.first)

    @property
    def work(self) -> int:
        """How many cases are to be measured in all, those of all points added up."""
        return sum((one.stop - one.start) * one.points for one in self.rounds)

    @property
    def names(self) -> tuple[str, str]:
        """What the two measures are called."""
        return self._judgments.names if self.terms.reference is None else Agreement.names

    @property
    def _judgments(self) -> Judgments:
        return Judgments(max(case.page.stop for case in self.cases))

    async def run(self) -> tuple[tuple[Series, ...], tuple[tuple[float, float], ...]]:
        """Return what came of every point, in their order, and both measures of the store's order per case.

        Points that were left out have the cases up to then.

        Raises:
            Stopped: models are set up wrong, or there is no more money. What was finished is in the journal.
        """
        found: dict[Point, list[Row]] = {point: [] for point in self.points}
        store: list[tuple[float, float]] = []
        going: Sequence[Point] = self.points
        for one in self.rounds:
            if one.start:
                floor = sum(quality for quality, _ in store) / len(store)
                going = self._best(going, found, floor, one.points)
            cases = self.cases[one.start : one.stop]
            yardstick = await self._yardstick(cases)
            for group in self._groups(going):
                for point, rows in (await self._measured(group, cases, yardstick)).items():
                    found[point] += rows
            store += [
                yardstick.measure(place, case, range(len(case.candidates)))
                for place, case in enumerate(cases)
            ]
        return tuple(Series(point, tuple(found[point])) for point in self.points), tuple(store)

    def _best(
        self, going: Sequence[Point], found: Mapping[Point, Sequence[Row]], floor: float, keep: int
    ) -> list[Point]:
        """Return the points that are worth more cases. Of a few cases the p95 says more than the p99."""
        series = [Series(point, tuple(found[point])) for point in going]
        options = [Option(one.added.p95, one.qualities) for one in series]
        return [going[place] for place in survivors(options, self.terms.longest, floor, keep)]

    def _groups(self, points: Sequence[Point]) -> list[list[Point]]:
        """Return the points that can share a bench, together."""
        groups: dict[object, list[Point]] = {}
        for point in points:
            shared = (point.models, point.tokens, None if self.terms.state == "warm" else point)
            groups.setdefault(shared, []).append(point)
        return list(groups.values())

    async def _measured(
        self, group: Sequence[Point], cases: Sequence[Case], yardstick: Yardstick
    ) -> dict[Point, tuple[Row, ...]]:
        """Return what comes of the cases at every point of a group, as far as it is known without loading."""
        settings = {point: applied(self.policy, self.rule, point) for point in group}
        known_by = (digest_of(cases), yardstick.digest, self.terms.state)
        keys = {point: await to_thread(key_of, *settings[point], *known_by) for point in group}
        rows = {
            point: rows_from(known)
            for point in group
            if (known := self.journal.known(keys[point])) is not None
        }
        self.known(len(rows) * len(cases))
        missing = [point for point in group if point not in rows]
        if not missing:
            return rows
        policy = settings[group[0]][0]
        bench = Bench(
            policy, [settings[point][1] for point in missing], purse=self.purse, scorers=self.scorers
        )
        async with bench:
            if self.terms.state == "warm":
                deepest = max(missing, key=lambda point: point.depth)
                await bench.warm(settings[deepest][1], cases)
            for point in missing:
                found = []
                for place, case in enumerate(cases):
                    trial = await bench.trial(settings[point][1], case)
                    found.append(row_of(trial, yardstick.measure(place, case, trial.order)))
                    self.done(1)
                await to_thread(self.journal.add, keys[point], {"point": point, "cases": len(cases)}, found)
                rows[point] = tuple(found)
        return rows

    async def _yardstick(self, cases: Sequence[Case]) -> Yardstick:
        """Return what the cases are measured by; the reference ranks them first, if it is to be one."""
        point = self.terms.reference
        if point is None:
            return self._judgments
        policy, rule = applied(self.policy, self.rule, point)
        key = await to_thread(key_of, policy, rule, digest_of(cases), "reference")
        orders: Any = self.journal.known(key)
        if orders is None:
            unhurried = rule.model_copy(update={"budget_ms": NO_HURRY * 1000})
            async with Bench(policy, [unhurried], purse=self.purse, scorers=self.scorers) as bench:
                orders = [(await bench.trial(unhurried, case)).order for case in cases]
            await to_thread(self.journal.add, key, {"reference": point, "cases": len(cases)}, orders)
        return Agreement(orders)
