"""How much better one way is than another for the same queries, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.evaluation.results import FEWEST_QUERIES
from proxy.evaluation.verdict import BETTER_QUERIES
from proxy.evaluation.wording import interval, points
from proxy.stats.paired import mean_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

# What whoever has fewer than the fewest is told to do; see there.
ASK_MORE = f"ask {BETTER_QUERIES} or more"


class Gap(NamedTuple):
    """A mean difference, and the ends of its 95 % interval; None with fewer than `FEWEST_QUERIES`.

    The bootstrap of a few queries gives an interval that is far too narrow: what was not seen can't be drawn.
    """

    mean: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Read as people write it: +.059 (+.012 to +.101)."""
        ends = self.ends
        return points(self.mean, signed=True) + (f" ({ends})" if ends else "")

    @property
    def ends(self) -> str:
        """The interval for people; empty where there is none."""
        return "" if self.low is None or self.high is None else interval(self.low, self.high)


def gap_between(before: Sequence[float], after: Sequence[float]) -> Gap:
    """Return by how much `after` is better; both have one number for every query, one or more.

    Raises:
        ValueError: The lists are empty or differ in length.
    """
    mean, low, high = mean_difference(before, after)
    return Gap(mean, None, None) if few(len(before)) else Gap(mean, low, high)


def few(queries: int) -> bool:
    """Say whether so many queries are too few for any conclusion."""
    return queries < FEWEST_QUERIES
