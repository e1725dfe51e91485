"""midrank demo: see it work on real input, with a real store and an unmodified client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--keep", action="store_true", help="leave the servers up, to ask them yourself")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    try:
        from proxy.demo.run import run_demo  # noqa: PLC0415 - needs the [demo] extra, other commands do not
    except ModuleNotFoundError as error:
        fix = 'pip install "midrank[demo]"'
        raise BadConfig((Mistake("(command line)", "demo", f"no module {error.name}", fix),)) from error
    return run_demo(keep=arguments.keep)
