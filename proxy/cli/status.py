"""midrank status: Tell how the models of a running midrank are: ready, warming, failed or left alone.

It asks the process itself, through its admin address. Exit code 1 when that is not there.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.cli import admin_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

# Figures that say how a model is just now; `--json` has all of them.
FIGURES = {"load": "load", "waiting": "waiting", "refused": "refused", "breaker_openings": "openings"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    admin_port.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer and return 0; return 1 where there is none, mistakes leave as `BadConfig`."""
    try:
        answer = admin_port.ask(arguments, "GET", "/status")
    except admin_port.Unanswered as failed:
        print(f"midrank: {failed}", file=sys.stderr)
        return 1
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        Console().print(_table(answer.get("models")))
    return 0


def _table(models: object) -> Table:
    """Return a table with a row for every model."""
    table = Table(box=None)
    for title in ("model", "state", "why"):
        table.add_column(title)
    for title in FIGURES.values():
        table.add_column(title, justify="right")
    for name, told in _mapping(models).items():
        model = _mapping(told)
        figures = _mapping(model.get("figures"))
        shown = (_written(figures.get(key)) for key in FIGURES)
        table.add_row(escape(name), escape(str(model.get("state", ""))), escape(_why(model)), *shown)
    return table


def _why(model: Mapping[str, object]) -> str:
    """Return why a model is left alone, and for how long."""
    reason, seconds = model.get("reason"), model.get("next_try_s")
    if reason is None or not isinstance(seconds, int | float):
        return ""
    return f"{reason}, tried again {f'in {seconds:.1f} s' if seconds else 'with the next search'}"


def _written(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
