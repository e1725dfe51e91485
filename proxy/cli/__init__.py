"""The `midrank` command: one file per subcommand, each with `add_arguments` and `run`.

Exit codes: 0 done, 1 failed while running, 2 the command line, policy or a model is wrong, 3 out of money,
130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from proxy import __version__
from proxy.cli import cache, check, demo, prepare, rerank, run, schema, status
from proxy.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, Any] = {
    "run": run,
    "check": check,
    "prepare": prepare,
    "rerank": rerank,
    "status": status,
    "cache": cache,
    "demo": demo,
    "schema": schema,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
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
    try:
        return int(COMMANDS[parsed.command].run(parsed))
    except BadConfig as error:
        for mistake in error.mistakes:
            print(f"midrank: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
