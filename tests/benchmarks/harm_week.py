"""Whether the harm guard ends harm, leaves alone what helps, and how often it is wrong.

    python -m tests.benchmarks.lifts --collection arguana       (and squad-dev: asks the reranker, once)
    python -m tests.benchmarks.harm_week --plot docs/images/harm-guard.png

Three questions, all with real rankings: those of the test cross-encoder, on a collection that it harms and on
one that it helps.

1. A week of traffic. A job sends judged queries through both collections, each once, some an hour, while
   people search. When is the harmful one switched off, how many searches were made worse until then, and is
   the other one left alone? Once in detail, and again in other orders of the same queries.
2. False alarms. Real lifts with signs thrown by a coin have a mean of exactly zero. In how many weeks is
   there ever an alarm, looked at after every search? And by a 95 % interval that is made for one look?
3. Searches until an alarm, by how much harm is done.

The guard runs as it serves; its clock is the simulation's. It takes about three minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from proxy.evidence.case import Case, Source, Terms
from proxy.evidence.harm_guard import HarmGuard
from proxy.model import Candidate, Outcome, Verdict
from proxy.observation import Observation
from proxy.policy_evidence import HarmGuard as Settings
from proxy.scoring.ranker import Ranked
from tests.benchmarks import results
from tests.benchmarks.judged import exists
from tests.benchmarks.lifts import judged
from tests.benchmarks.shared import CROSS_ENCODER, DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.evidence.harm_guard import Change
    from tests.benchmarks.lifts import Judged

HOURS = 168
# Searches of people on a collection, in an average hour; at night there are fewer.
PEOPLE = 200
ORDERS = 200
HARMS = (0.02, 0.03, 0.05, 0.075, 0.1, 0.15)
MIN_LIFT = 0.03
# A lone 95 % interval is made for one look; nobody looks before there are so many values.
FIRST_LOOK = 30


@dataclass(frozen=True, slots=True)
class Point:
    """What was known of a collection at an hour, and the sum of lifts that people got, with and without."""

    hour: float
    judged: int
    mean: float
    low: float
    high: float
    guarded: float
    unguarded: float


@dataclass(frozen=True, slots=True)
class Week:
    """A collection's week; `off_hour` is None if it stayed on.

    `judged` were counted until it was switched off, or in all. Of what people searched for before, `worse`
    are those whose answer was less good than the store's; `spared` are those after it.
    """

    collection: str
    lift: float
    off_hour: float | None
    judged: int
    searches_before: int
    worse: int
    spared: int
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Alarms:
    """In how many of so many weeks there was ever an alarm, where the true lift is `lift`."""

    lifts_of: str
    lift: float
    min_lift: float
    weeks: int
    judged: int
    alarms: int
    naive: int


@dataclass(frozen=True, slots=True)
class Delay:
    """Judged searches until an alarm, by the true harm: half and nine tenths of runs were faster."""

    harm: float
    half: float
    most: float
    share: float


class Traffic:
    """One collection: its judged queries, in the order in which the job sends them."""

    def __init__(self, name: str, pool: Sequence[Judged], random: np.random.Generator) -> None:
        self.name = name
        self.lifts = np.array([one.lift for one in pool])
        self._pool = pool
        self._order = random.permutation(len(pool))
        self._random = random

    def probe(self, place: int) -> Observation | None:
        """Return the search that the job makes as its `place`th; None when it has sent all."""
        return None if place >= len(self._order) else _observed(self.name, self._pool[self._order[place]])

    def people(self, hour: int) -> NDArray[np.float64]:
        """Return the lifts of what people search for in an hour."""
        daily = 1 - 0.8 * math.cos(2 * math.pi * (hour - 3) / 24)
        return self._random.choice(self.lifts, self._random.poisson(PEOPLE * daily))


async def week(traffics: Sequence[Traffic], probes: str, an_hour: int, *, watched: bool) -> list[Week]:
    """Run a week of traffic through a guard; only if it is `watched` there are points."""
    now = 0.0
    changes: list[tuple[float, Change]] = []
    guard = HarmGuard(
        Settings(probes=probes, auto_off=True),
        on_change=lambda change: changes.append((now, change)),
        now=lambda: now,
    )
    await guard.start()
    points: dict[str, list[Point]] = {traffic.name: [] for traffic in traffics}
    counts: dict[str, Counter[str]] = {traffic.name: Counter() for traffic in traffics}
    sums: dict[str, NDArray[np.float64]] = {traffic.name: np.zeros(2) for traffic in traffics}
    for hour in range(HOURS):
        for traffic in traffics:
            for turn in range(an_hour):
                now = 3600.0 * (hour + turn / an_hour)
                observation = traffic.probe(hour * an_hour + turn)
                if observation is not None:
                    guard.tell(observation)
            lifts, off = traffic.people(hour), guard.off("store", traffic.name)
            count = counts[traffic.name]
            count["after" if off else "before"] += len(lifts)
            count["spared" if off else "worse"] += int((lifts < 0).sum())
            sums[traffic.name] += (0 if off else lifts.sum(), lifts.sum())
            found = dict(guard.figures()).get(("store", traffic.name)) if watched else None
            if found:
                mean, low, high = (found[f"probes_{name}"] for name in ("mean", "low", "high"))
                known = (int(found["probes_count"]), mean, low, high)
                points[traffic.name].append(Point(hour + 1, *known, *sums[traffic.name].tolist()))
    await guard.close()
    weeks = []
    for traffic in traffics:
        end = next(((at / 3600, one.count) for at, one in changes if one.collection == traffic.name), None)
        count = counts[traffic.name]
        weeks.append(
            Week(
                traffic.name,
                float(traffic.lifts.mean()),
                end[0] if end else None,
                end[1] if end else len(traffic.lifts),
                count["before"],
                count["worse"],
                count["spared"],
                points[traffic.name],
            )
        )
    return weeks


def _observed(collection: str, one: Judged) -> Observation:
    total = len(one.order)
    return Observation(
        exchange="",
        trace="",
        store="store",
        collection=collection,
        shown="reranked",
        query=one.question.text,
        candidates=tuple(Candidate(name, "") for name in one.question.ids),
        ranked=Ranked(one.order, Verdict(Outcome.RERANKED, None, total, total)),
        order=one.order,
        page=slice(0, 5),
        teams=None,
        added=0.0,
        store_seconds=0.0,
    )


# --- how often it is wrong, and how fast it is right -------------------------------------------


def with_mean(
    lifts: NDArray[np.float64], mean: float, shape: tuple[int, int], random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw sizes of real lifts, and signs by a coin that makes the true mean exactly this one."""
    sizes = np.abs(lifts)
    up = (1 + mean / sizes.mean()) / 2
    signs = np.where(random.random(shape) < up, 1.0, -1.0)
    return random.choice(sizes, shape) * signs


def alarm_after(values: Sequence[float], min_lift: float) -> int | None:
    """Return the number of values after which there is an alarm; None if there is none."""
    case = Case((Source.PROBES,), Terms(min_lift, 1 - Settings().confidence), 0.0)
    for place, value in enumerate(values, 1):
        if case.add(Source.PROBES, value, place, 0.0) is not None:
            return place
    return None


def naive_alarms(values: NDArray[np.float64], min_lift: float) -> int:
    """Count the rows in which a 95 % interval for one look is ever below."""
    count = np.arange(1, values.shape[1] + 1)
    mean = values.cumsum(axis=1) / count
    variance = np.maximum((values**2).cumsum(axis=1) / count - mean**2, 0)
    high = mean + 1.96 * np.sqrt(variance / count)
    return int((high[:, FIRST_LOOK:] < min_lift).any(axis=1).sum())


def false_alarms(name: str, lifts: NDArray[np.float64], lift: float, weeks: int, count: int) -> Alarms:
    """Watch so many weeks in which the lift is exactly what is wanted."""
    values = with_mean(lifts, lift, (weeks, count), np.random.default_rng(1))
    alarms = sum(alarm_after(row.tolist(), lift) is not None for row in values)
    return Alarms(name, lift, lift, weeks, count, alarms, naive_alarms(values, lift))


def delay(lifts: NDArray[np.float64], harm: float, runs: int, most: int = 5000) -> Delay:
    """Measure how long harm goes on."""
    values = with_mean(lifts, -harm, (runs, most), np.random.default_rng(2))
    found = [alarm_after(row.tolist(), 0.0) for row in values]
    times = sorted(one if one is not None else math.inf for one in found)
    half, nine_tenths = times[len(times) // 2], times[int(0.9 * len(times))]
    return Delay(harm, half, nine_tenths, sum(one is not None for one in found) / runs)


# --- all of it ---------------------------------------------------------------------------------


async def main(options: argparse.Namespace) -> int:
    """Measure, print, write; fails if the guard is wrong too often, or about one of the two."""
    names = (options.harmed, options.helped)
    if not all(map(exists, names)) or not CROSS_ENCODER.is_dir():
        print(f"skipped: no {', '.join(names)} in {DATA}, or no model in {CROSS_ENCODER}")
        return 0
    pools = {name: judged(name, options.queries) for name in names}
    if not all(pools.values()):
        print("skipped: nothing is judged yet; run tests.benchmarks.lifts for both collections")
        return 0
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        probes = _probes(Path(folder) / "probes.jsonl", pools)
        runs: list[list[Week]] = []
        for seed in range(ORDERS):
            random = np.random.default_rng(seed)
            traffics = [Traffic(name, pool, random) for name, pool in pools.items()]
            runs.append(await week(traffics, probes, options.an_hour, watched=not runs))
    lifts = {name: np.array([one.lift for one in pool]) for name, pool in pools.items()}
    print_weeks(runs)
    alarms = [
        false_alarms(name, values, lift, options.weeks, options.judged)
        for name, values in lifts.items()
        for lift in (0.0, MIN_LIFT)
    ]
    together = np.concatenate(list(lifts.values()))
    alarms.append(false_alarms("both", together, 0.0, options.more_weeks, options.judged))
    delays = [delay(together, harm, 100) for harm in HARMS if harm < np.abs(together).mean()]
    print_rates(alarms, delays)
    pool_figures = {
        name: {
            "queries": len(one),
            "lift": one.mean(),
            "deviation": one.std(),
            "no_change": (one == 0).mean(),
        }
        for name, one in lifts.items()
    }
    orders = [summary(runs, place) for place in range(len(names))]
    figures = {"pools": pool_figures, "week": runs[0], "orders": orders, "alarms": alarms, "delays": delays}
    results.write(options.json, figures)
    if options.plot:
        from tests.benchmarks.harm_week_plot import draw

        draw(runs[0], alarms, delays, options.plot)
        print(f"drawn to {options.plot}")
    wrong = any(one.alarms / one.weeks > 0.05 for one in alarms)
    return 1 if wrong or orders[0]["switched_off"] < 1 or orders[1]["switched_off"] > 0 else 0


def summary(runs: Sequence[Sequence[Week]], place: int) -> Mapping[str, float]:
    """Say what came of a collection in all orders of its queries."""
    weeks = [run[place] for run in runs]
    off = [one for one in weeks if one.off_hour is not None]
    told: dict[str, float] = {"orders": len(weeks), "switched_off": len(off) / len(weeks)}
    if off:
        judged_, hours = ([getattr(one, key) for one in off] for key in ("judged", "off_hour"))
        told |= {"judged_half": float(np.median(judged_)), "judged_most": float(np.quantile(judged_, 0.9))}
        told |= {"hour_half": float(np.median(hours)), "hour_most": float(np.quantile(hours, 0.9))}
    return told


def print_weeks(runs: Sequence[Sequence[Week]]) -> None:
    """Print the first week, and what came of all of them."""
    for place, one in enumerate(runs[0]):
        print(
            f"\n{one.collection}: lift {one.lift:+.3f} over {len(one.points) and one.judged} judged searches"
        )
        if one.off_hour is None:
            print(f"  stays on; {one.searches_before} searches of people")
        else:
            print(f"  switched off in hour {one.off_hour:.1f}, after {one.judged} judged searches")
            print(
                f"  {one.worse} of {one.searches_before} searches were made worse before, {one.spared} spared"
            )
        told = ", ".join(f"{key} {value:g}" for key, value in summary(runs, place).items())
        print(f"  in other orders: {told}")


def print_rates(alarms: Sequence[Alarms], delays: Sequence[Delay]) -> None:
    """Print how often it is wrong, and how fast it is right."""
    print(
        f"\n{'lifts of':<12}{'true lift':>10}{'weeks':>7}{'judged':>8}{'alarms':>8}{'one-look interval':>20}"
    )
    for one in alarms:
        print(f"{one.lifts_of:<12}{one.lift:>10.2f}{one.weeks:>7}{one.judged:>8}", end="")
        print(f"{one.alarms / one.weeks:>8.2%}{one.naive / one.weeks:>20.1%}")
    print(f"\n{'harm':>6}{'half by':>10}{'9 of 10 by':>12}{'in 5,000':>10}")
    for row in delays:
        print(f"{row.harm:>6.3f}{row.half:>10.0f}{row.most:>12.0f}{row.share:>10.0%}")


def _probes(path: Path, pools: Mapping[str, Sequence[Judged]]) -> str:
    lines = (
        orjson.dumps({"query": one.question.text, "collection": name, "relevant": one.question.grades})
        for name, pool in pools.items()
        for one in pool
    )
    path.write_bytes(b"\n".join(lines))
    return str(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the harm guard does in a week, and how often it errs.")
    parser.add_argument("--harmed", default="arguana", help="a collection that the reranker harms")
    parser.add_argument("--helped", default="squad-dev", help="a collection that the reranker helps")
    parser.add_argument("--queries", type=int, default=300, help="how many of each were asked")
    parser.add_argument("--an-hour", type=int, default=5, help="judged queries sent in an hour")
    parser.add_argument("--weeks", type=int, default=200, help="simulated weeks without lift")
    parser.add_argument("--more-weeks", type=int, default=2000, help="the same, with lifts of both together")
    parser.add_argument("--judged", type=int, default=1000, help="judged searches in each of them")
    parser.add_argument("--json", type=Path, default=KEPT / "harm_week.json", help="where to write figures")
    parser.add_argument("--plot", type=Path, default=KEPT / "harm_week.png", help="needs matplotlib")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_options())))
