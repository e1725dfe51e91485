"""The figures of `harm_week.py` as one picture: a week of two collections, and how fast harm is found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.benchmarks.harm_week import Alarms, Delay, Week

# Of Okabe and Ito's palette, which everyone can tell apart.
_COLOURS = ("#D55E00", "#0072B2")
_HALF: dict[str, Any] = {"color": "#009E73", "marker": "o"}
_MOST: dict[str, Any] = {"color": "0.4", "marker": "s"}
_QUIET: dict[str, Any] = {"color": "0.4", "linewidth": 1.2, "linestyle": ":", "zorder": 1}


def draw(weeks: Sequence[Week], alarms: Sequence[Alarms], delays: Sequence[Delay], file: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14, 4.4), layout="constrained")
        bounds, people, speed = figure.subplots(1, 3)
        for week, colour in zip(weeks, _COLOURS, strict=True):
            _draw_bounds(bounds, week, colour)
            hours = [point.hour for point in week.points]
            people.plot(hours, [point.guarded for point in week.points], color=colour, label=week.collection)
            if week.off_hour is not None:
                without = [point.unguarded for point in week.points]
                label = f"{week.collection}, no guard"
                people.plot(hours, without, color=colour, linestyle="--", linewidth=1.2, label=label)
        bounds.set_xscale("log")
        bounds.axhline(0, **_QUIET)
        people.axhline(0, **_QUIET)
        speed.plot([one.harm for one in delays], [one.most for one in delays], label="9 of 10", **_MOST)
        speed.plot([one.harm for one in delays], [one.half for one in delays], label="half", **_HALF)
        speed.set_yscale("log")
        most = max(alarms, key=lambda one: one.weeks)
        speed.annotate(
            f"without any harm, in {most.weeks:,} weeks:\n{most.alarms / most.weeks:.1%} alarms; "
            f"{most.naive / most.weeks:.0%} by 95 %\nintervals made for one look",
            (0.97, 0.68),
            xycoords="axes fraction",
            horizontalalignment="right",
            fontsize=8,
        )
        for axes, title, unit, across in (
            (bounds, "What the judged queries say", "lift, NDCG@5", "judged searches"),
            (people, "What people got", "sum of lifts", "hour of the week"),
            (speed, "How fast harm is found", "judged searches until the alarm", "true harm, NDCG@5"),
        ):
            axes.set_title(title, loc="left")
            axes.set_ylabel(unit)
            axes.set_xlabel(across)
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
            axes.legend(frameon=False, fontsize=8)
        figure.savefig(file, dpi=130)


def _draw_bounds(axes: Axes, week: Week, colour: str) -> None:
    """Draw the bounds as long as the collection is on: behind the alarm others begin."""
    last = math.inf if week.off_hour is None else week.off_hour
    points = [point for point in week.points if point.hour <= last]
    counts = [point.judged for point in points]
    low, high = [one.low for one in points], [one.high for one in points]
    axes.fill_between(counts, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(counts, [one.mean for one in points], color=colour, label=week.collection)
    if week.off_hour is not None:
        axes.axvline(week.judged, color=colour, linewidth=1)
        axes.annotate(
            f"off after {week.judged},\nin hour {week.off_hour:.0f}",
            (week.judged, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
        )
