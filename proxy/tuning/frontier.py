"""Which points are worth their time, and which one to choose: pure decisions about costs and qualities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


_SLACK = 1.05
# Shares by which numbers that are equal may differ once they were calculated in two ways.
_ROUNDING = 1e-9


class Option(NamedTuple):
    """What a point costs, and how good it is for every case; all options of a choice have the same cases."""

    cost: float
    qualities: tuple[float, ...]

    @property
    def quality(self) -> float:
        """The mean."""
        return float(np.mean(self.qualities))


def fits(cost: float, limit: float) -> bool:
    """Say whether a cost is within a limit, or no more than a twentieth above it.

    Who uses up a budget is a little behind it in the end, and is not to be shut out by that.
    """
    return cost <= limit * _SLACK


def layers(options: Sequence[Option]) -> list[int]:
    """Return for every option how many fronts it lies behind: 0 is the frontier itself.

    An option is dominated by one that costs no more and is no worse, and better in one of the two. A front is
    what nothing dominates once the fronts before it are taken away (non-dominated sorting: Goldberg, "Genetic
    Algorithms", 1989; Deb et al., "A fast and elitist multiobjective genetic algorithm", 2002).
    """
    found = [-1] * len(options)
    measures = [(one.cost, -one.quality) for one in options]
    left = set(range(len(options)))
    layer = 0
    while left:
        front = {
            place for place in left if not any(_dominates(measures[other], measures[place]) for other in left)
        }
        for place in front:
            found[place] = layer
        left -= front
        layer += 1
    return found


def choose(options: Sequence[Option], limit: float) -> int | None:
    """Return which option to take; None if none fits the limit.

    Of those that do, the cheapest that is not clearly worse than the best: whose mean falls short
    of the best one's by no more than one standard error of their paired difference. (The one-standard-error
    rule of Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees", 1984.) The best of many
    looks better than it is; this takes some of that back, and saves time that would buy nothing. Where a
    single case makes the difference, that is one standard error exactly: the cheaper one is taken.
    """
    within = [place for place, one in enumerate(options) if fits(one.cost, limit)]
    if not within:
        return None
    best = options[max(within, key=lambda place: (options[place].quality, -options[place].cost))]
    near = [place for place in within if _is_near(best, options[place])]
    return min(near, key=lambda place: (options[place].cost, -options[place].quality, place))


def survivors(options: Sequence[Option], limit: float, floor: float, keep: int) -> list[int]:
    """Return the `keep` options that are worth measuring on more cases, in their order.

    First come those that fit the limit and are better than the `floor`, what is had for nothing;
    then those nearest to the frontier, then the better ones.
    """
    fronts = layers(options)
    ranked = sorted(
        range(len(options)),
        key=lambda place: (
            not fits(options[place].cost, limit) or options[place].quality <= floor,
            fronts[place],
            -options[place].quality,
            place,
        ),
    )
    return sorted(ranked[:keep])


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and all(ours <= theirs for ours, theirs in zip(one, other, strict=True))


def _is_near(best: Option, other: Option) -> bool:
    return _short_of(best, other) <= _error(best, other) * (1 + _ROUNDING)


def _short_of(best: Option, other: Option) -> float:
    return float(np.subtract(best.qualities, other.qualities).mean())


def _error(best: Option, other: Option) -> float:
    """Return the standard error of the mean of paired differences; of a single case nobody knows it: 0."""
    differences = np.subtract(best.qualities, other.qualities)
    return float(differences.std(ddof=1)) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
