"""The curves of `warm_up.py` as one picture: quality and latency over the searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.warm_up import Curve

# Of Okabe and Ito's palette, which everyone can tell apart; the markers differ too.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#D55E00", "marker": "s"},
    {"color": "#0072B2", "marker": "o"},
    {"color": "#009E73", "marker": "^"},
)
_QUIET: dict[str, Any] = {"color": "0.4", "linewidth": 1.2, "linestyle": ":", "zorder": 1}


def draw(curves: Sequence[Curve], budget_ms: float, file: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14, 4.4), layout="constrained")
        quality, latency, share = figure.subplots(1, 3)
        for curve, style in zip(curves, _STYLES, strict=False):
            first = [point.first for point in curve.points]
            quality.plot(first, [point.ndcg for point in curve.points], label=curve.name, **style)
            latency.plot(
                first, [point.added_ms_p50 for point in curve.points], label=f"{curve.name}, p50", **style
            )
            slowest = [point.added_ms_p95 for point in curve.points]
            latency.plot(first, slowest, label=f"{curve.name}, p95", alpha=0.5, **style)
            share.plot(first, [100 * point.scored_share for point in curve.points], label=curve.name, **style)
        points = curves[0].points
        dense = [point.dense for point in points]
        quality.plot([point.first for point in points], dense, label="dense", **_QUIET)
        latency.axhline(budget_ms, label="budget", **_QUIET)
        latency.set_ylim(bottom=0)
        for axes, title, unit in (
            (quality, "Quality", "NDCG@10"),
            (latency, "Added latency", "ms"),
            (share, "Candidates scored in time", "%"),
        ):
            axes.set_title(title, loc="left")
            axes.set_ylabel(unit)
            axes.set_xlabel("searches before")
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
            axes.legend(frameon=False, fontsize=8)
        figure.savefig(file, dpi=130)
