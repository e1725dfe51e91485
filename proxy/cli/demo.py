"""midrank demo: see it work on real input, with a real store and an unmodified client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.cli.extras import needs

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--keep", action="store_true", help="leave the servers up, to ask them yourself")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    with needs("demo", "demo"):
        from proxy.demo.run import run_demo  # noqa: PLC0415 - other commands do not need that
    return run_demo(keep=arguments.keep)
