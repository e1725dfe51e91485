"""midrank evidence: Tell what live traffic proves of reranking, or have the harm guard forget a collection.

It asks the process itself, through its admin address. Exit code 1 when that is not there, or refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.cli import admin_port
from proxy.cli.admin_port import mapping
from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

STYLES = {"harmful": "red", "good": "green"}
# Of a shadow's figures, those that say what would change; `--json` has all of them.
SHADOW = ("searches", "overlap", "displaced_top1", "added_p99")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("action", choices=("show", "reset"), help="tell all, or forget a collection")
    parser.add_argument("--store", metavar="NAME", help="reset: the store of the collection")
    parser.add_argument("--collection", metavar="NAME", help="reset: the collection")
    admin_port.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer and return 0; return 1 where there is none, mistakes leave as `BadConfig`."""
    if arguments.action == "reset":
        return admin_port.answered(arguments, "DELETE", f"/evidence?{_which(arguments)}", _tell_reset)
    return admin_port.answered(arguments, "GET", "/evidence", _print)


def _tell_reset(answer: Mapping[str, object]) -> None:
    print(answer.get("status", "reset"))


def _which(arguments: argparse.Namespace) -> str:
    names = {"store": arguments.store, "collection": arguments.collection}
    missing = [
        Mistake("(command line)", f"--{key}", "missing", "a name that `midrank evidence show` tells")
        for key, name in names.items()
        if name is None
    ]
    if missing:
        raise BadConfig(tuple(missing))
    return urlencode(names)


def _print(answer: Mapping[str, object]) -> None:
    """Print a table for everything that there is something to say about."""
    console, printed = Console(), False
    for titles, rows in (
        (("collection", "reranking is", "answers", "why"), list(_harm(answer))),
        (("collection", "experiment", "verdict"), list(_experiments(answer))),
        (("in shadow", *(name.replace("_", " ") for name in SHADOW)), list(_shadow(answer))),
    ):
        if rows:
            console.print(_table(titles, rows))
            printed = True
    if not printed:
        console.print("nothing is known yet")


def _harm(answer: Mapping[str, object]) -> Iterator[Sequence[str]]:
    collections = mapping(answer.get("harm")).get("collections")
    for one in map(mapping, collections if isinstance(collections, list) else ()):
        place = f"{one.get('store')}/{one.get('collection')}"
        yield place, *(str(one.get(key, "")) for key in ("state", "answers", "verdict"))


def _experiments(answer: Mapping[str, object]) -> Iterator[Sequence[str]]:
    for place, parts in mapping(mapping(answer.get("experiments")).get("collections")).items():
        for kind, part in mapping(parts).items():
            told = mapping(part)
            yield place, kind, str(told.get("verdict", told.get("note", "")))


def _shadow(answer: Mapping[str, object]) -> Iterator[Sequence[str]]:
    for place, told in mapping(answer.get("shadow")).items():
        figures = mapping(told)
        if figures:
            yield place, *(_written(figures.get(name)) for name in SHADOW)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row), style=STYLES.get(row[1]))
    return table


def _written(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
