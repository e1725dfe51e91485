"""midrank status: Tell how a running midrank is: its stores, rules, models, and what became of searches.

It asks the process itself, through its admin address, and prints what `status_tables` makes of the answer.
Exit code 1 when that is not there. With `--watch` it asks again and again, until Ctrl-C.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from proxy.cli import admin_port
from proxy.cli.status_tables import page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

# Seconds between two looks.
WATCH = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    admin_port.add_arguments(parser)
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=WATCH,
        metavar="SECONDS",
        help=f"go on, and ask again every so many seconds (default {WATCH:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the answer and return 0; return 1 where there is none, mistakes leave as `BadConfig`."""
    if arguments.watch is not None and not arguments.json:
        return _watch(arguments)
    return admin_port.answered(arguments, "GET", "/status", _show)


def _show(answer: Mapping[str, object]) -> None:
    Console().print(page(answer))


def _watch(arguments: argparse.Namespace) -> int:
    """Show one answer in the place of the other; a process that goes away may come back."""
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        while True:
            try:
                live.update(page(admin_port.ask(arguments, "GET", "/status")), refresh=True)
            except admin_port.Unanswered as failed:
                if not sys.stdout.isatty():
                    print(f"midrank: {failed}", file=sys.stderr)
                    return 1
                live.update(str(failed), refresh=True)
            time.sleep(max(0.1, arguments.watch))
