"""The three plots of the page: what quality costs in time, how each query fared, and where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from proxy.evaluation.results import FAILED, LIFT
from proxy.evaluation.svg import arm_colour, drawn, ink
from proxy.evaluation.verdict import WORTHWHILE_LIFT
from proxy.evaluation.wording import duration, excerpt, percentiles, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from proxy.evaluation.results import Arm, Evaluation

_MARKERS = "osD^vPX"
# Points between labels that stand beside the same place.
_LINE = 13
_LONGEST_NAME = 24
_BINS = 32
# Where ticks stand in each decade, of an axis that spans less than one.
_CLOSE = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
# Milliseconds; what took less is as good as nothing.
_LEAST = 0.1


def frontier(evaluation: Evaluation) -> str:
    """Draw NDCG@5 with the lift's 95 % interval against what callers wait: p99, with a thin line from p50.

    A dotted line joins the arms that no other beats in both.
    """
    arms = evaluation.arms
    spots = [(max(arm.total.p99 * 1000, _LEAST), arm.measures[LIFT]) for arm in arms]

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.105, 0.16, 0.875, 0.8))
        axes.plot(*zip(*_unbeaten(spots), strict=True), color=ink("muted"), linewidth=1.2, linestyle=":")
        for place, (arm, (wait, value)) in enumerate(zip(arms, spots, strict=True)):
            colour = ink(arm_colour(place))
            axes.plot(
                [max(arm.total.p50 * 1000, _LEAST), wait],
                [value, value],
                color=colour,
                linewidth=1.2,
                alpha=0.6,
            )
            if arm.compared and arm.is_sure:
                ends = [
                    [max(one, 0)] for one in (arm.lift.mean - arm.lift.low, arm.lift.high - arm.lift.mean)
                ]
                axes.errorbar(wait, value, ends, color=colour, capsize=4, linewidth=1.6)
            axes.plot(wait, value, _MARKERS[place % len(_MARKERS)], color=colour, markersize=8)
        axes.margins(x=0.12, y=0.12)
        _logarithmic(axes)
        _level(axes, spots[0][1])
        _level(axes, spots[0][1] + WORTHWHILE_LIFT, f"{points(WORTHWHILE_LIFT, signed=True)}: worth a model")
        axes.set_xlabel("what callers wait at p99, in ms")
        axes.yaxis.set_major_formatter(lambda value, _: points(value))
        _label(axes, [arm.name for arm in arms], spots)

    return drawn("frontier", _told(evaluation), 270, draw)


def lifts(arm: Arm, store: Arm, name: str) -> str:
    """Draw what each query gains or loses in NDCG@5, the best first, and the mean with its interval."""
    changes = np.sort(np.subtract([one.ndcg5 for one in arm.asked], [one.ndcg5 for one in store.asked]))[::-1]
    edges = np.arange(len(changes) + 1)
    lift = arm.lift

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.105, 0.08, 0.875, 0.88))
        if arm.is_sure:
            axes.axhspan(lift.low, lift.high, color=ink("accent"), alpha=0.18, linewidth=0)
        for side, colour in ((changes.clip(min=0), "gain"), (changes.clip(max=0), "loss")):
            axes.stairs(side, edges, fill=True, color=ink(colour), linewidth=0)
        axes.axhline(0, color=ink("muted"), linewidth=0.8)
        axes.axhline(lift.mean, color=ink("accent"), linewidth=1.6)
        reach = max(0.25, float(np.abs(changes).max(initial=0)) * 1.08)
        axes.set(xlim=(0, len(changes)), ylim=(-reach, reach), xticks=[])
        axes.spines["bottom"].set_visible(False)
        axes.yaxis.set_major_formatter(
            lambda value, _: f"{value:+.2f}".replace("0.", ".", 1) if value else "0"
        )
        _note(axes, f"{lift.wins} better", (0.03, 0.04), within=True, colour="gain")
        _note(axes, f"{lift.ties} the same", (0.5, 0.04), within=True, colour="muted", side="center")
        _note(axes, f"{lift.losses} worse", (0.97, 0.92), within=True, colour="loss", side="right")
        mean = f"mean {points(lift.mean, signed=True)}"
        if lift.mean < 0:  # beside the losses, which stand at the right end
            _note(axes, mean, (0, lift.mean), (4, -14), colour="accent")
        else:
            _note(axes, mean, (len(changes), lift.mean), (-4, 5), colour="accent", side="right")

    told = (
        f"What each query gains in NDCG@5, sorted: {lift.wins} are better, {lift.ties} the same, "
        f"{lift.losses} worse; the mean is {points(lift.mean, signed=True)}"
    )
    return drawn(f"lifts-{name}", told, 230, draw)


def latencies(arm: Arm, store: Arm, name: str) -> str:
    """Draw how often midrank adds how much, with its budget, and how long callers wait with and without it.

    What takes far longer or less than nearly all others stands in the last or first bin.
    """
    added, total, alone = (
        _milliseconds(of, what) for of, what in ((arm, "added"), (arm, "total"), (store, "total"))
    )
    budget = (arm.budget or 0) * 1000
    everything = np.concatenate((added, total, alone))
    low, high = np.quantile(everything, (0.005, 0.995)).clip(min=_LEAST) * (0.8, 1.25)
    edges = np.geomspace(low, max(high, budget * 1.1), _BINS + 1)

    def draw(figure: Figure) -> None:
        above, below = (figure.add_axes((0.105, bottom, 0.875, 0.31)) for bottom in (0.61, 0.15))
        _histogram(above, added, edges, "accent", filled=True)
        _histogram(below, alone, edges, "store", filled=True)
        _histogram(below, total, edges, "accent", filled=False)
        above.tick_params(labelbottom=False)
        below.set_xlabel("ms")
        for axes, text, colour, at in (
            (above, "midrank adds", "accent", 0),
            (below, "callers wait", "accent", 0),
            (below, "for the store alone", "store", 0.26),
        ):
            _note(axes, text, (at, 1), (2, 6), within=True, colour=colour)
        if budget:
            above.axvline(budget, color=ink("loss"), linewidth=1.4, linestyle=(0, (4, 2)))
            _note(
                above,
                f"budget {duration(budget / 1000)}",
                (budget, above.get_ylim()[1]),
                (-5, 6),
                colour="loss",
                side="right",
            )

    told = (
        f"What midrank adds: {percentiles(arm.added)} ms at p50, p95 and p99. What callers wait: "
        f"{percentiles(arm.total)} ms, {percentiles(store.total)} ms for the store alone"
    )
    return drawn(f"latencies-{name}", told, 270, draw)


def _milliseconds(arm: Arm, what: str) -> np.ndarray:
    return np.array([getattr(one, what) * 1000 for one in arm.asked if one.outcome != FAILED] or [0.0])


def _histogram(axes: Axes, times: np.ndarray, edges: np.ndarray, colour: str, *, filled: bool) -> None:
    counts = np.histogram(times.clip(edges[0], edges[-1]), edges)[0] / len(times) * 100
    axes.stairs(counts, edges, fill=filled, color=ink(colour), linewidth=0 if filled else 1.6)
    axes.set_xlim(edges[0], edges[-1])
    _logarithmic(axes)
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")


def _logarithmic(axes: Axes) -> None:
    """Have times on a scale where as many times longer is as far."""
    from matplotlib.ticker import LogLocator, NullLocator  # noqa: PLC0415 - of the [eval] extra

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 5 * low else _CLOSE))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _unbeaten(spots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what no other is both faster and better than, the fastest first."""
    kept: list[tuple[float, float]] = []
    for wait, value in sorted(spots, key=lambda spot: (spot[0], -spot[1])):
        if not kept or value > kept[-1][1]:
            kept.append((wait, value))
    return kept


def _level(axes: Axes, value: float, text: str = "") -> None:
    axes.axhline(value, color=ink("muted"), linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _note(axes, text, (axes.get_xlim()[0], value), (2, 3), colour="muted")


def _note(
    axes: Axes,
    text: str,
    spot: tuple[float, float],
    offset: tuple[float, float] = (0, 0),
    *,
    within: bool = False,
    colour: str,
    side: Literal["left", "center", "right"] = "left",
) -> None:
    """Write a text at a spot of the data or, `within`, at a share of the axes; `offset` is in points."""
    where = "axes fraction" if within else "data"
    axes.annotate(text, spot, offset, xycoords=where, textcoords="offset points", ha=side, color=ink(colour))


def _label(axes: Axes, names: Sequence[str], spots: Sequence[tuple[float, float]]) -> None:
    """Write names beside their spots, inwards, and none over another: from the lowest spot up.

    The store's goes below its spot, where no line of it is.
    """
    middle = np.prod(axes.get_xlim()) ** 0.5
    taken: list[tuple[float, float, float]] = []
    for place in sorted(range(len(names)), key=lambda place: spots[place][1]):
        name = excerpt(names[place], _LONGEST_NAME)
        inwards = 1 if spots[place][0] < middle else -1
        x, y = axes.transData.transform(spots[place])
        width = len(name) * _LINE / 2
        left = x if inwards > 0 else x - width
        lift = max(
            (top + _LINE for start, end, top in taken if start < left + width and left < end), default=y
        )
        up = 6 + max(lift, y) - y if place else -16
        taken.append((left, left + width, y + up - 6))
        side: Literal["left", "right"] = "left" if inwards > 0 else "right"
        _note(axes, name, spots[place], (9 * inwards, up), colour=arm_colour(place), side=side)


def _told(evaluation: Evaluation) -> str:
    """Say what the frontier shows."""
    arms = (
        f"{arm.name} {points(arm.measures[LIFT])} at {duration(arm.total.p99)}" for arm in evaluation.arms
    )
    return f"{LIFT} against what callers wait at p99: {', '.join(arms)}"
