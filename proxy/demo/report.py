"""What the demo prints: readable in a terminal and in a file alike."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from proxy.stats.ndcg import ndcg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.demo.asking import Pair
    from proxy.demo.questions import Question
    from proxy.demo.results import Summary

# How many rows of each answer are shown.
TOP = 3
# Columns, where the output is a file or a pipe and has none of its own.
PIPED_WIDTH = 110
MARKS = {3: "+++", 2: "++", 1: "+"}
STYLES = {3: "bold green", 2: "green", 1: "cyan"}


def make_console() -> Console:
    """Return the console that all parts of the demo print to."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


class Step:
    """How far one step of the demo is, and what there is to say about it in the end."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        """Put a bar up; without a total it only moves."""
        self._progress = progress
        self._task = progress.add_task(title, total=total)
        self.remark = ""

    def advance(self, count: int) -> None:
        """Move the bar on."""
        self._progress.advance(self._task, count)

    def note(self, remark: str) -> None:
        """Have this printed after the step."""
        self.remark = remark


@contextmanager
def step(console: Console, title: str, total: int | None = None) -> Iterator[Step]:
    """Show a bar while the block runs, then one line that stays; a file gets just the line."""
    started = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        this = Step(progress, title, total)
        yield this
    seconds = time.perf_counter() - started
    console.print(f"{title} [dim]({seconds:.1f} s)[/dim]" + (f": {this.remark}" if this.remark else ""))


def side_by_side(questions: Sequence[Question], pairs: Sequence[Pair]) -> Group:
    """Lay out, for every question, the top of both answers and what moved."""
    legend = Text("\nThe store's order on the left, midrank's on the right", style="bold")
    legend.append(" (second pass)", style="dim")
    legend.append("\n+++ the answer, ++ a good alternative, + related help, by judgments made beforehand\n")
    parts = [_comparison(question, pair) for question, pair in zip(questions, pairs, strict=True)]
    return Group(legend, *parts)


def summary_table(title: str, summary: Summary) -> Table:
    """Lay out one pass."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    for column in ("", "direct", "midrank", "difference"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (before, after) in (("NDCG@5", summary.ndcg5), ("NDCG@10", summary.ndcg10)):
        table.add_row(name, f"{before:.3f}", f"{after:.3f}", f"{after - before:+.3f}")
    table.add_row("questions improved / hurt", "", "", f"{summary.improved:.0%} / {summary.hurt:.0%}")
    p50, p95 = summary.added_p50 * 1000, summary.added_p95 * 1000
    table.add_row("added latency p50 / p95", "", "", f"{p50:.1f} / {p95:.1f} ms")
    table.add_row("store alone, p50", f"{summary.direct_p50 * 1000:.1f} ms", "", "")
    for outcome, count in summary.outcomes:
        table.add_row(f"answered {outcome or 'without a word'}", "", f"{count}", "")
    return table


def _comparison(question: Question, pair: Pair) -> Table:
    before, after = pair.direct.documents, pair.reranked.documents
    scores = [ndcg(order, question.relevant, 5) for order in (before, after)]
    change = "" if scores[0] == scores[1] else f" -> {scores[1]:.2f}"
    style = "green" if scores[1] > scores[0] else "red" if scores[1] < scores[0] else "dim"
    title = Text.assemble((f"{question.id} ", "dim"), (question.text, "bold"))
    title.append(f"  NDCG@5 {scores[0]:.2f}{change}", style=style)
    table = Table.grid(padding=(0, 2), expand=True)
    table.title, table.title_justify, table.title_style = title, "left", ""
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for place in range(TOP):
        left = _row(place, before, question.relevant)
        right = _row(place, after, question.relevant)
        right.append(_movement(place, before, after), style="yellow")
        table.add_row(left, right)
    table.add_row()
    return table


def _row(place: int, documents: Sequence[str], relevant: Mapping[str, int]) -> Text:
    if place >= len(documents):
        return Text()
    name = documents[place]
    grade = relevant.get(name, 0)
    return Text.assemble(
        f"  {place + 1} ",
        (f"{MARKS.get(grade, ''):<4}", STYLES.get(grade, "")),
        (name, STYLES.get(grade, "")),
    )


def _movement(place: int, before: Sequence[str], after: Sequence[str]) -> str:
    """Say where a document came from, if not from the same place."""
    if place >= len(after):
        return ""
    name = after[place]
    if name not in before:
        return f"  (was below {len(before)})"
    was = before.index(name)
    return "" if was == place else f"  (was {was + 1})"
