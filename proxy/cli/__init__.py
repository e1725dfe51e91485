"""The `midrank` command: one file per subcommand, see `commands`.

Exit codes: 0 done, 1 failed while running, 2 the command line, policy or a model is wrong, 3 out of money,
130 interrupted; as process 1 of a container 143: told to stop before it served.
"""

from __future__ import annotations

import argparse
import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from proxy import __version__
from proxy.errors import BadConfig
from proxy.native_threads import bound_native_threads

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code; without arguments, the one the process was started for."""
    if arguments is not None:
        return _coded(arguments)
    if sys.argv[1:2] == ["run"]:
        # Who asks for a reload while the imports take their seconds has it: the policy is read after them.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.getpid() == 1:
        # The kernel keeps from process 1, which a container's is, all signals that it has no handler for.
        signal.signal(signal.SIGTERM, _stop)
    code: object = 1
    # The first to be registered is the last to run, after all else that is done at the end.
    atexit.register(lambda: _end(code))
    try:
        code = _coded(sys.argv[1:])
    except SystemExit as asked:
        code = asked.code
    sys.exit(code)


def _end(code: object) -> NoReturn:
    """End the process with an exit code.

    Python would go on to take itself apart. A thread in native code then, as where a model loads, is stopped
    when it comes back, which C++ answers with SIGABRT.
    """
    if (logging := sys.modules.get("logging")) is not None:  # takes 6 ms to import: a probe does without
        logging.shutdown()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _coded(arguments: Sequence[str]) -> int:
    """Run a subcommand and return the exit code."""
    try:
        return _run(arguments)
    except BadConfig as error:
        for mistake in error.mistakes:
            print(f"midrank: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _stop(number: int, _frame: object) -> NoReturn:
    """End as everybody else is ended by a signal; `midrank run` drains instead, once it serves."""
    sys.exit(128 + number)


def _run(arguments: Sequence[str]) -> int:
    bound_native_threads()
    # Here, as loading takes long enough for Ctrl-C to meet it.
    from proxy.cli.commands import COMMANDS  # noqa: PLC0415

    # All of them are loaded only for who needs to be told of all.
    named = arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS

    parser = argparse.ArgumentParser(
        prog="midrank",
        description="A sidecar proxy that reranks vector-store searches inside a latency budget.",
    )
    parser.add_argument("--version", action="version", version=f"midrank {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in named:
        module = COMMANDS[name]
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    parsed = parser.parse_args(arguments)
    return int(COMMANDS[parsed.command].run(parsed))
