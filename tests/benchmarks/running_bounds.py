"""How wide the bounds of a running mean are, and how often they are wrong at some time: ours against others.

    python -m tests.benchmarks.running_bounds

All are looked at some 300 times within 10,000 values, ever more seldom. The others are those of Waudby-Smith
& Ramdas (JRSSB 86(1), 2024), the predictable plug-in empirical Bernstein sequence (theorem 2) and hedged
betting on a grid of means (theorem 3), and the normal interval of a fixed number of values, which isn't meant
to be looked at before. Takes half a minute.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from proxy.stats.sequences import RunningMean
from tests.benchmarks import results
from tests.benchmarks.near_lookup import timed
from tests.benchmarks.shared import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

ALPHA = 0.05
MOST = 10_000
MARKS = (100, 1_000, MOST)
LOOKS = np.union1d(np.geomspace(10, MOST, 350).astype(int), MARKS)
RUNS = 300
MEASURED_RUNS = 8  # of hedged betting, whose grid takes a while: its width hardly varies
GRID = np.linspace(-0.999, 0.999, 1_999)


@dataclass(frozen=True, slots=True)
class Row:
    """One way on one kind of values: mean width at `MARKS`, and the share of runs in which it ever erred."""

    values: str
    way: str
    widths: Sequence[float]
    wrong: float


class Bounds(NamedTuple):
    """Width of each run's interval at each of `MARKS`, and whether it was ever wrong at any of `LOOKS`."""

    widths: NDArray[np.float64]
    wrong: NDArray[np.bool_]


def main() -> int:
    """Run all, print a table, write the figures."""
    options = _options()
    rows = [
        Row(name, way, bounds.widths.mean(axis=0).tolist(), float(bounds.wrong.mean()))
        for name, values in kinds().items()
        for way, bounds in ways(values)
    ]
    print_table(rows)
    costs = cost()
    print(", ".join(f"{name}: {figure:.3g}" for name, figure in costs.items()))
    results.write(options.json, {"marks": MARKS, "bounds": rows, "cost": costs})
    return 0


def kinds() -> Mapping[str, NDArray[np.float64]]:
    """Return runs of values with mean 0, shape (runs, values)."""
    random = np.random.default_rng(0)
    shape = RUNS, MOST
    changed = random.random(shape) < 0.25
    return {
        # As NDCG@5 changes by the built-in model on SciFact: three quarters not at all, deviation .2.
        "differences": np.where(changed, random.normal(0, 0.41, shape).clip(-1, 1), 0.0),
        # Reranking that helps a little, and once in fifty searches loses everything.
        "rare losses": np.where(random.random(shape) < 0.02, -1.0, 0.02 / 0.98),
        "votes": random.choice([-1.0, 1.0], shape),
    }


def ways(values: NDArray[np.float64]) -> Iterator[tuple[str, Bounds]]:
    """Yield the bounds of all."""
    yield "running mean", ours(values)
    yield "hedged betting", hedged(values)
    yield "empirical Bernstein", empirical_bernstein(values)
    yield "normal, as if looked at once", normal(values)


def ours(values: NDArray[np.float64]) -> Bounds:
    """Ask `RunningMean`."""
    widths, wrong = np.empty((len(values), len(MARKS))), np.zeros(len(values), bool)
    for run, line in enumerate(values.tolist()):
        mean = RunningMean()
        for look in LOOKS.tolist():
            for value in line[mean.count : look]:
                mean.add(value)
            wrong[run] |= mean.above(0.0, ALPHA / 2) or mean.below(0.0, ALPHA / 2)
            if look in MARKS:
                low, high = mean.interval(ALPHA)
                widths[run, MARKS.index(look)] = high - low
    return Bounds(widths, wrong)


def empirical_bernstein(values: NDArray[np.float64]) -> Bounds:
    """Theorem 2, for values that are moved to [0, 1], with bounds that only get better."""
    units = (values + 1) / 2
    before, stakes = _foreseen(units, most=0.75)
    costs = (units - before) ** 2 * (-np.log1p(-stakes) - stakes)
    staked = np.cumsum(stakes, axis=1)
    centre = np.cumsum(stakes * units, axis=1) / staked
    half = (np.log(2 / ALPHA) + np.cumsum(costs, axis=1)) / staked
    low, high = np.maximum.accumulate(centre - half, axis=1), np.minimum.accumulate(centre + half, axis=1)
    return _bounds(2 * low - 1, 2 * high - 1)


def normal(values: NDArray[np.float64]) -> Bounds:
    """Mean and standard error of the values so far."""
    count = np.arange(1, values.shape[1] + 1)
    mean = np.cumsum(values, axis=1) / count
    spread = np.maximum(np.cumsum(values**2, axis=1) / count - mean**2, 0)
    half = 1.96 * np.sqrt(spread / count)
    return _bounds(mean - half, mean + half)


def _bounds(low: NDArray[np.float64], high: NDArray[np.float64]) -> Bounds:
    at, looks = np.array(MARKS) - 1, LOOKS - 1
    wrong = (low[:, looks] > 0) | (high[:, looks] < 0)
    return Bounds((high - low)[:, at], np.any(wrong, axis=1))


def hedged(values: NDArray[np.float64]) -> Bounds:
    """Theorem 3: widths by a grid of means on some of the runs, errors by the capital against 0 in all."""
    units = (values + 1) / 2
    _, stakes = _foreseen(units, most=np.inf)
    some = zip(units[:MEASURED_RUNS], stakes[:MEASURED_RUNS], strict=True)
    won = np.minimum(stakes, 1.0) * (units - 0.5)
    up, down = (np.cumsum(np.log1p(sign * won), axis=1) for sign in (1, -1))
    wrong = (np.maximum(up, down)[:, LOOKS - 1] >= np.log(2 / ALPHA)).any(axis=1)
    return Bounds(np.array([_hedged_widths(*one) for one in some]), wrong)


def _hedged_widths(units: NDArray[np.float64], stakes: NDArray[np.float64]) -> list[float]:
    means = (GRID + 1) / 2
    up, down = np.zeros((2, means.size))
    kept = np.ones(means.size, bool)
    widths = []
    for number, (unit, stake) in enumerate(zip(units.tolist(), stakes.tolist(), strict=True), 1):
        up += np.log1p(np.minimum(stake, 0.5 / means) * (unit - means))
        down += np.log1p(np.minimum(stake, 0.5 / (1 - means)) * (means - unit))
        if number in MARKS or number % 20 == 0:
            kept &= np.maximum(up, down) < np.log(2 / ALPHA)
        if number in MARKS:
            left = GRID[kept]
            widths.append(float(left[-1] - left[0]))
    return widths


def _foreseen(units: NDArray[np.float64], most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean that was expected of every value, and the stake, both by the values before it."""
    count = np.arange(1, units.shape[1] + 1)
    means = (0.5 + np.cumsum(units, axis=1)) / (count + 1)
    spreads = (0.25 + np.cumsum((units - means) ** 2, axis=1)) / (count + 1)
    before, spread = (
        np.concatenate((np.full((len(units), 1), first), part[:, :-1]), axis=1)
        for first, part in ((0.5, means), (0.25, spreads))
    )
    return before, np.minimum(np.sqrt(2 * np.log(2 / ALPHA) / (spread * count * np.log1p(count))), most)


def cost() -> dict[str, float]:
    """Return the medians of what our own takes."""
    mean = RunningMean()
    values = np.random.default_rng(1).normal(0, 0.2, 2_000).clip(-1, 1).tolist()

    def median(call: Callable[[float], object], count: int) -> float:
        return 1000 * float(np.median([timed(call, value)[1] for value in values[:count]]))

    return {
        "us per value": median(mean.add, 2_000),
        "us per question (below)": median(lambda bound: mean.below(bound, ALPHA), 200),
        "us per interval": median(lambda _: mean.interval(ALPHA), 200),
        "bytes of state": len(orjson.dumps(mean.to_state())),
    }


def print_table(rows: Sequence[Row]) -> None:
    """Print a line for each."""
    print(f"{'values':<14}{'way':<32}" + "".join(f"{mark:>9}" for mark in MARKS) + f"{'ever wrong':>13}")
    for row in rows:
        widths = "".join(f"{width:>9.4f}" for width in row.widths)
        print(f"{row.values:<14}{row.way:<32}{widths}{row.wrong:>13.1%}")
    print(f"widths of {1 - ALPHA:.0%} intervals of values from -1 to 1, after so many of them")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how wide the bounds of a running mean are")
    parser.add_argument("--json", type=Path, default=KEPT / "running_bounds.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
