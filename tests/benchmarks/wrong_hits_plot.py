"""The curves of `wrong_hits.py` as one picture: wrong hits and recall over the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.benchmarks.wrong_hits import Curve, Row, Share

# Of Okabe and Ito's palette, which everyone can tell apart; the markers differ too.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#D55E00", "marker": "s", "linewidth": 1.8},
    {"color": "#E69F00", "marker": "^", "linewidth": 1.8},
    {"color": "#0072B2", "marker": "o", "linewidth": 2.5},
)
_MARKED = (0.90, 0.95)


def draw(curves: Sequence[Curve], file: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14, 4.4), layout="constrained")
        hits, different, both = figure.subplots(1, 3)
        for curve, look in zip(curves, _STYLES, strict=True):
            style = {**look, "label": curve.name, "markersize": 6, "capsize": 3, "elinewidth": 1}
            _line(hits, curve, lambda row: row.wrong_of_hits, style)
            _line(different, curve, lambda row: row.wrong_of_different, style)
            _trade(both, curve, style)
        hits.set_title("Wrong hits, of all hits", loc="left")
        different.set_title("Wrong hits, of all pairs that differ", loc="left")
        different.set_yscale("log")
        different.yaxis.set_major_locator(FixedLocator([0.03, 0.1, 0.3, 1, 3, 10, 30]))
        different.yaxis.set_minor_locator(NullLocator())
        both.set_title("Precision and recall, by threshold", loc="left")
        both.set_xlabel("recall: hits of all pairs that ask the same, %")
        both.set_ylabel("precision, %")
        for axes in (hits, different):
            axes.set_xlabel("threshold (cosine)")
            axes.set_ylabel("%")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        hits.set_ylim(bottom=0)
        for axes in (hits, different, both):
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
            axes.legend(frameon=False)
        figure.savefig(file, dpi=130)


def _line(axes: Axes, curve: Curve, share: Callable[[Row], Share], style: dict[str, Any]) -> None:
    shares = [share(row) for row in curve.rows]
    values = np.array([one.value for one in shares])
    off = np.array([[one.value - one.low for one in shares], [one.high - one.value for one in shares]])
    axes.errorbar([row.threshold for row in curve.rows], 100 * values, 100 * off, **style)


def _trade(axes: Axes, curve: Curve, style: dict[str, Any]) -> None:
    recall = [100 * row.recall.value for row in curve.rows]
    precision = [100 - 100 * row.wrong_of_hits.value for row in curve.rows]
    axes.errorbar(recall, precision, **style)
    for row, x, y in zip(curve.rows, recall, precision, strict=True):
        if row.threshold in _MARKED:
            beside = {"xytext": (-24, -14), "textcoords": "offset points", "color": style["color"]}
            axes.annotate(f"{row.threshold:g}", (x, y), **beside)
