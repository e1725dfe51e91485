"""A report for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from proxy.reporting.document import Document, Table

_STYLES = {"good": "green", "bad": "red", "open": "yellow"}


def show(report: Document, console: Console) -> None:
    """Print a report."""
    console.print(Text(report.title, style="bold"), end="\n\n")
    for sentence in report.sentences:
        console.print(Text(sentence))
    for table in report.tables:
        console.print()
        console.print(_table(table))
        if table.note:
            console.print(Text(table.note, style="dim"))
    if report.missing:
        console.print(Text("\nTo say more", style="bold"))
    for sentence in report.missing:
        console.print(Text(sentence))


def _table(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if place >= table.numbers else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(Text, row.cells), style=_STYLES.get(row.tone))
    return shown
