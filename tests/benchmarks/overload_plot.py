"""The curves of `overload.py` as one picture: latency, quality and goodput over the load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from tests.benchmarks.tally import GRACE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.benchmarks.overload import Curve

# Of Okabe and Ito's palette, which everyone can tell apart; the markers differ too.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "marker": "o", "linewidth": 2.5},
    {"color": "#D55E00", "marker": "s", "linewidth": 1.8},
    {"color": "#E69F00", "marker": "^", "linewidth": 1.8},
)
_QUIET: dict[str, Any] = {"color": "0.4", "linewidth": 1.2, "zorder": 1}


def draw(curves: Sequence[Curve], loads: Sequence[float], budget_ms: float, file: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14, 4.4), layout="constrained")
        latency, quality, goodput = figure.subplots(1, 3)
        for curve, look in zip(curves, _STYLES, strict=False):
            style = {**look, "label": curve.proxy, "markersize": 6}
            latency.plot(loads, [row.added.p99 for row in curve.rows], **style)
            changes = np.array([row.change for row in curve.rows]).T
            off = np.abs(changes[1:] - changes[0])
            quality.errorbar(loads, changes[0], off, capsize=3, elinewidth=1, **style)
            goodput.plot(loads, [row.goodput for row in curve.rows], **style)
        _latency(latency, budget_ms)
        _quality(quality, curves[0], loads)
        goodput.plot(loads, [row.offered for row in curves[0].rows], linestyle=":", label="offered", **_QUIET)
        goodput.set_title("In time, and reranked at least in part", loc="left")
        goodput.set_ylabel("searches per second")
        for axes in (latency, quality, goodput):
            axes.set_xlabel("load, in units of what midrank reranks in full")
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(list(loads)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda load, _: f"{load:g}x"))
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
            axes.legend(frameon=False)
        figure.savefig(file, dpi=130)


def _latency(axes: Axes, budget_ms: float) -> None:
    promised = budget_ms + GRACE * 1000
    axes.axhline(promised, linestyle="--", label=f"budget + 10 ms = {promised:g} ms", **_QUIET)
    axes.set_title("Added latency, p99", loc="left")
    axes.set_ylabel("milliseconds")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, promised / 2), max(high, promised * 2))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _quality(axes: Axes, curve: Curve, loads: Sequence[float]) -> None:
    """Draw what is lost and won against the store's order, on the same searches: 95 % intervals."""
    axes.axhline(0, linestyle="--", label="store's order", **_QUIET)
    full = [row.full - row.store for row in curve.rows if row.full is not None]
    if len(full) == len(loads):
        axes.plot(loads, full, linestyle=":", label="all candidates reranked", **_QUIET)
    axes.set_title("NDCG@10, gained over the store's order", loc="left")
    axes.set_ylabel("difference of means")
