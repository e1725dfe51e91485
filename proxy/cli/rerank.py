"""midrank rerank: Rank queries and their documents out of a file, by the models of a policy.

A run that was ended by whatever is gone on with by the same command. Exit code 1 when models are out of reach
or the output can't be written, 3 when --max-cost does not allow the next call.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from proxy.errors import BadConfig, Mistake
from proxy.logs import log_to_stderr
from proxy.offline import batch
from proxy.offline.choice import chosen_rule, scorers_of, without_stores
from proxy.offline.queries import read_queries
from proxy.offline.ranked_file import Pipe, opened
from proxy.offline.workplace import OutOfMoney, OutOfReach, Terms, Workplace
from proxy.policy_file import load_policy
from proxy.scorers import locate_models
from proxy.scoring.llm.spending import Purse

if TYPE_CHECKING:
    import argparse

    from proxy.offline.batch import Output
    from proxy.offline.workplace import Stopped

# Seconds for a query where nobody is in a hurry: a limit that only ends what would never end.
NO_HURRY = 3600.0
# Rankings that wait in memory for one before them, in multiples of the queries at once.
AHEAD = 4
OUT_OF_MONEY = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--in", dest="source", required=True, metavar="FILE", help="JSON lines, or - for stdin"
    )
    parser.add_argument(
        "--out", dest="target", required=True, metavar="FILE", help="JSON lines, or - for stdout"
    )
    parser.add_argument(
        "--policy", type=Path, required=True, metavar="FILE", help="the policy with the models"
    )
    parser.add_argument(
        "--rule", type=int, metavar="N", help="its Nth rule (default: the first that is not off)"
    )
    parser.add_argument("--models", metavar="A,B", help="these models, best first, in place of the rule's")
    parser.add_argument("--budget-ms", type=float, metavar="MS", help="time for a query (default: an hour)")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="queries at once (default 8)")
    parser.add_argument("--max-cost", type=float, metavar="COST", help="stop before calls of LLMs cost more")
    parser.add_argument(
        "--patience",
        type=float,
        default=300,
        metavar="S",
        help="how long to wait out an outage (default 300)",
    )
    parser.add_argument("--skip-bad", action="store_true", help="report lines that are no queries, and go on")


def run(arguments: argparse.Namespace) -> int:
    """Rank what is not ranked yet, and say how it went; mistakes leave as `BadConfig`."""
    log_to_stderr("warning")
    _check(arguments)
    names = [name for name in (arguments.models or "").split(",") if name]
    policy = load_policy(arguments.policy)
    rule = chosen_rule(policy, arguments.rule, names)
    policy = without_stores(policy, rule)
    locate_models(policy)
    purse = Purse() if arguments.max_cost is None else Purse(arguments.max_cost)
    scorers = scorers_of(policy, purse, bounded=arguments.max_cost is not None)
    budget = NO_HURRY if arguments.budget_ms is None else arguments.budget_ms / 1000
    terms = Terms(budget, arguments.concurrency, arguments.patience)
    progress = batch.Progress()
    try:
        _rank_files(arguments, Workplace(policy, rule, scorers, terms=terms, purse=purse), progress)
    except BrokenPipeError:
        # Whoever reads our output has enough; what Python would flush at the end has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _say(error.strerror or "the input can't be read, or the output not be written")
        return 1
    _say(_summary(progress, purse.spent))
    return _exit_code(progress.stopped)


def _rank_files(arguments: argparse.Namespace, workplace: Workplace, progress: batch.Progress) -> None:
    """Rank what the output lacks, and show how far that is."""
    with ExitStack() as stack:
        source, total = _source(stack, arguments)
        output = _output(stack, arguments.target)
        bar = stack.enter_context(_bar())
        task = bar.add_task("ranking", total=total)
        queries = batch.remaining(
            read_queries(source),
            output,
            progress,
            files=(arguments.source, arguments.target),
            skipped=_say if arguments.skip_bad else None,
        )
        # What is there already is compared before any model is loaded; where all is there, none is.
        first = next(queries, None)
        if first is not None:
            stack.enter_context(workplace)
            batch.run(
                chain((first,), queries),
                workplace.rank,
                output,
                progress,
                ahead=AHEAD * arguments.concurrency,
                told=lambda: bar.update(task, completed=progress.known + progress.ranked),
            )
        bar.update(task, completed=progress.known + progress.ranked)


def _check(arguments: argparse.Namespace) -> None:
    """Check numbers of the command line.

    Raises:
        BadConfig: some are out of range; all are named.
    """
    least = {"budget_ms": 1.0, "concurrency": 1, "max_cost": 0.0, "patience": 0.0}
    mistakes = [
        Mistake("(command line)", f"--{name.replace('_', '-')}", f"{value:g}", f"{bound:g} or more")
        for name, bound in least.items()
        if (value := getattr(arguments, name)) is not None and not value >= bound
    ]
    if mistakes:
        raise BadConfig(tuple(mistakes))


def _source(stack: ExitStack, arguments: argparse.Namespace) -> tuple[BinaryIO, int | None]:
    """Return the input, and how many queries it has, if it can be read twice.

    Raises:
        BadConfig: it can't be read, or some line is no query.
    """
    if arguments.source == "-":
        return _stream(sys.stdin.fileno()), None
    try:
        source = Path(arguments.source).open("rb")  # noqa: SIM115 - closed by the stack
    except OSError as error:
        what = error.strerror or "unreadable"
        raise BadConfig((Mistake(arguments.source, "--in", what, "a readable file"),)) from error
    stack.enter_context(source)
    if not source.seekable():
        return _stream(os.dup(source.fileno())), None
    # Read once before anything is ranked: a mistake in the last line should not be found out after hours.
    total = batch.count_queries(read_queries(source), file=arguments.source, skip_bad=arguments.skip_bad)
    source.seek(0)
    return source, total


def _stream(number: int) -> BinaryIO:
    """Return a stream to read in another thread. It stays open: to close it would be to wait for that one."""
    return open(number, "rb", closefd=False)


def _output(stack: ExitStack, target: str) -> Output:
    """Return the output; what is no file, a pipe or a device, can't be gone on with.

    Raises:
        BadConfig: it can't be written, or another run does.
    """
    if target == "-":
        return Pipe(sys.stdout.buffer)
    path = Path(target)
    if path.exists() and not path.is_file() and not path.is_dir():
        return Pipe(stack.enter_context(path.open("wb")))
    return stack.enter_context(opened(path))


def _bar() -> Progress:
    """Return a progress bar for people; where stderr is no terminal, it shows nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, *times, console=console, disable=not console.is_terminal)


def _say(words: object) -> None:
    print(f"midrank: {words}", file=sys.stderr)


def _summary(progress: batch.Progress, spent: float) -> str:
    parts = [f"{progress.ranked} queries ranked"]
    if progress.known:
        parts.append(f"{progress.known} were before")
    if progress.unranked:
        parts.append(f"{progress.unranked} of them in the order of the input: see their reason")
    if progress.skipped:
        parts.append(f"{progress.skipped} lines skipped")
    if spent:
        parts.append(f"cost {spent:.4f}")
    match progress.stopped:
        case OutOfMoney():
            parts.append("stopped, as the next call might exceed --max-cost; run it again to go on")
        case OutOfReach() as out:
            parts.append(f"stopped: {out.reason}; run it again to go on")
    return ", ".join(parts)


def _exit_code(stopped: Stopped | None) -> int:
    if stopped is None:
        return 0
    return OUT_OF_MONEY if isinstance(stopped, OutOfMoney) else 1
