"""A soak as one picture: memory, descriptors and threads, CPU and searches, over time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.soak import Sample


def draw(samples: Sequence[Sample], limit_mb: float, file: Path) -> None:
    """Write the picture as PNG."""
    minutes = [one.seconds / 60 for one in samples]
    rates = [
        (later.searches - earlier.searches) / (later.seconds - earlier.seconds)
        for earlier, later in pairwise(samples)
    ]
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(14, 4), layout="constrained")
        memory, held, work = figure.subplots(1, 3)
        memory.plot(minutes, [one.rss_mb for one in samples], color="#0072B2", label="resident")
        memory.axhline(limit_mb, color="0.4", linestyle=":", label="memory_limit_mb")
        held.plot(minutes, [one.descriptors for one in samples], color="#D55E00", label="descriptors")
        held.plot(minutes, [one.threads for one in samples], color="#009E73", label="threads")
        work.plot(minutes, [100 * one.cpu for one in samples], color="#0072B2", label="CPU, % of one")
        work.plot(minutes[1:], rates, color="#D55E00", label="searches/s")
        for axes, title in ((memory, "Memory, MB"), (held, "Descriptors and threads"), (work, "Work")):
            axes.set_title(title, loc="left")
            axes.set_xlabel("minutes")
            axes.set_ylim(bottom=0)
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
            axes.legend(frameon=False, fontsize=8, loc="lower right")
        figure.savefig(file, dpi=130)
