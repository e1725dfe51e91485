"""What a sweep has found, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from proxy.evaluation.results import FEWEST_QUERIES
from proxy.evaluation.wording import duration, percentiles, points, share
from proxy.tuning.gaps import few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from proxy.tuning.result import Result
    from proxy.tuning.trials import Series

# Columns where nobody says how wide a line may be.
PIPED_WIDTH = 120
# Points that were left out, of which so many are shown.
_MOST_LEFT_OUT = 10


def make_console() -> Console:
    """Return a console for standard output, wide enough for a table also in a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def shown(result: Result) -> Group:
    """Lay out the points, the fastest first: the chosen one bold, those that others dominate dim."""
    store = sum(quality for quality, _ in result.store) / len(result.store)
    parts: list[RenderableType] = [
        Text(
            f"{len(result.store)} cases; {result.names[0]} of the store's order: {points(store)}\n"
            f"* frontier  > chosen: the fastest within one standard error of the best, of those that add "
            f"{duration(result.longest)} or less at p99\n"
        ),
        _table(result, result.complete),
    ]
    if result.left_out:
        some = result.left_out[:_MOST_LEFT_OUT]
        parts += [
            Text(
                f"Left out after fewer cases, {len(result.left_out)} points, the last {len(some)}:"
                if len(some) < len(result.left_out)
                else "Left out after fewer cases:",
                "dim",
            ),
            _table(result, some),
        ]
    if any(few(len(one.rows)) for one in result.series):
        parts.append(Text(f"With fewer than {FEWEST_QUERIES} cases no interval is told.", "dim"))
    return Group(*parts, *(Text(sentence) for sentence in result.sentences))


def _table(result: Result, series: Sequence[Series]) -> Table:
    left_out = any(len(one.rows) < len(result.store) for one in series)
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("", "models"):
        table.add_column(title, overflow="fold")
    last = "cases" if left_out else "to the chosen (95 %)"
    for title in ("depth", "tokens", "ms", result.names[0], "to the store (95 %)", "p50/p95/p99 ms", "full"):
        table.add_column(title, justify="right")
    table.add_column(last, justify="right")
    for one in series:
        cells = (*_cells(result, one), str(len(one.rows)) if left_out else _to_chosen(result, one))
        table.add_row(*cells, style=_style(result, one))
    return table


def _cells(result: Result, one: Series) -> tuple[str, ...]:
    point = one.point
    return (
        ">" if one is result.chosen else "*" if one in result.frontier else "",
        ", ".join(point.models),
        str(point.depth),
        "own" if point.tokens is None else str(point.tokens),
        f"{point.budget_ms:g}",
        points(one.quality),
        str(result.lifts[point]),
        percentiles(one.added),
        share(one.share("reranked")),
    )


def _to_chosen(result: Result, one: Series) -> str:
    if result.chosen is None or one is result.chosen:
        return ""
    return str(result.shortfalls[one.point])


def _style(result: Result, one: Series) -> str:
    if one is result.chosen:
        return "bold"
    return "" if one in result.frontier else "dim"
