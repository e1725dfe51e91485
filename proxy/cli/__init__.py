"""The `midrank` command: one file per subcommand, see `commands`.

Exit codes: 0 done, 1 failed while running, 2 the command line, policy or a model is wrong, 3 out of money,
130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    try:
        return _run(arguments)
    except BadConfig as error:
        for mistake in error.mistakes:
            print(f"midrank: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    # Here, as loading all of them takes long enough for Ctrl-C to meet it.
    from proxy.cli.commands import COMMANDS  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="midrank",
        description="A sidecar proxy that reranks vector-store searches inside a latency budget.",
    )
    parser.add_argument("--version", action="version", version=f"midrank {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    parsed = parser.parse_args(arguments)
    return int(COMMANDS[parsed.command].run(parsed))
