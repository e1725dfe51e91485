"""midrank cache: Tell figures of a running midrank's caches, or clear them.

It asks the process itself, through its admin address. Exit code 1 when that is not there, or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.cli import admin_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

METHODS = {"stats": "GET", "clear": "DELETE"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("action", choices=tuple(METHODS), help="tell figures, or forget all scores")
    admin_port.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer and return 0; return 1 where there is none, mistakes leave as `BadConfig`."""
    cleared = arguments.action == "clear"
    return admin_port.answered(
        arguments, METHODS[arguments.action], "/cache", _tell_cleared if cleared else _tell_figures
    )


def _tell_cleared(answer: Mapping[str, object]) -> None:
    print(answer.get("status", "cleared"))


def _tell_figures(answer: Mapping[str, object]) -> None:
    Console().print(_table(answer))


def _table(figures: Mapping[str, object]) -> Table:
    """Return a table of figures with a section for every group."""
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right")
    alone = {name: value for name, value in figures.items() if not isinstance(value, dict)}
    groups = {name: value for name, value in figures.items() if isinstance(value, dict)}
    for title, group in ({"": alone} | groups).items():
        for place, (name, value) in enumerate(group.items()):
            table.add_row("" if place else escape(title), escape(name.replace("_", " ")), _written(value))
    return table


def _written(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(str(value))
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
