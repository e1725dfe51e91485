"""midrank eval: Tell whether reranking is worth it, on questions whose answers are known.

Exit code 1 when --fail-under is not reached, or when the store or a midrank does not come up.
"""

from __future__ import annotations

import platform
import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from proxy import __version__
from proxy.cli.extras import needs
from proxy.cli.headers import header
from proxy.cli.progress import bar
from proxy.errors import BadConfig, Mistake
from proxy.evaluation.arms import contenders
from proxy.evaluation.as_json import to_json
from proxy.evaluation.child import NotStarted, sigterm_as_ctrl_c
from proxy.evaluation.doors import DEFAULT_DATABASE, DEFAULT_TENANT
from proxy.evaluation.judged import read
from proxy.evaluation.live import Live, StoreUnusable
from proxy.evaluation.run import Plan, evaluate
from proxy.evaluation.table import tables
from proxy.logs import log_to_stderr
from proxy.scoring.cpus import usable_cpus

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from proxy.evaluation.judged import Judged
    from proxy.evaluation.results import Evaluation

# Parts of a command line that change no figure, or that are not to be shown.
_NO_FIGURES = frozenset(("command", "data", "header", "json", "html", "fail_under"))
# Columns, where the output is a file or a pipe and has none of its own.
PIPED_WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add = parser.add_argument
    add("data", type=Path, help="a folder in BEIR's layout, or a file of judged lines")
    add("--split", default="test", metavar="NAME", help="of a folder: qrels/NAME.tsv (default test)")
    add("--limit", type=int, metavar="N", help="ask the first N queries only")
    add(
        "--policy",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a policy to try, may be repeated (default: all defaults)",
    )
    add("--store", metavar="NAME", help="which store of the policies, if they have several")
    add("--collection", metavar="NAME", help="what is searched (default: the name of the data)")
    add("--k", type=int, default=10, metavar="N", help="rows an application asks for (default 10)")
    add("--window", type=int, default=50, metavar="N", help="depth of the store's recall (default 50)")
    add("--warm-up", type=int, default=1, metavar="N", help="passes before the one that counts (default 1)")
    add("--concurrency", type=int, default=1, metavar="N", help="queries at once (default 1)")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--html", type=Path, metavar="FILE", help="write a page with plots there")
    add("--fail-under", type=float, metavar="LIFT", help="exit code 1 if a policy adds less to NDCG@5")
    live = parser.add_argument_group("a store that is there, not an index made for this")
    live.add_argument("--live", action="store_true", help="ask the policies' own store")
    live.add_argument("--id-field", metavar="KEY", help="of metadata or payload: it has the judged ids")
    live.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with each request; ${VARIABLE} is taken from the environment",
    )
    live.add_argument("--tenant", metavar="NAME", help="of Chroma (default default_tenant)")
    live.add_argument("--database", metavar="NAME", help="of Chroma (default default_database)")
    live.add_argument("--vector-name", metavar="NAME", help="of Qdrant: which of the points' vectors")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the figures, write what was asked for; mistakes leave as `BadConfig`."""
    log_to_stderr("warning")
    _check(arguments)
    _check_extra()
    with sigterm_as_ctrl_c():
        try:
            judged = _limited(read(arguments.data, arguments.split), arguments.limit)
            plan = Plan(
                judged,
                contenders(arguments.policy),
                collection=arguments.collection or judged.name,
                live=_live(arguments) if arguments.live else None,
                store=arguments.store,
                k=arguments.k,
                window=arguments.window,
                warm_up=arguments.warm_up,
                concurrency=arguments.concurrency,
            )
            evaluation = evaluate(plan, _stage)
            _show(evaluation)
            _write(arguments, evaluation, judged)
        except (NotStarted, StoreUnusable, OSError) as error:
            _say(error)
            return 1
    return _exit_code(evaluation, arguments.fail_under)


def _check(arguments: argparse.Namespace) -> None:
    """Check the command line.

    Raises:
        BadConfig: something is out of range, or does not go together; all of it is named.
    """
    least = {"limit": 1, "k": 1, "window": 1, "warm_up": 0, "concurrency": 1}
    wrong = [
        (name, str(value), f"{bound} or more")
        for name, bound in least.items()
        if (value := getattr(arguments, name)) is not None and value < bound
    ]
    if arguments.fail_under is not None and not -1 <= arguments.fail_under <= 1:
        wrong.append(("fail_under", f"{arguments.fail_under:g}", "a difference in NDCG@5, -1 to 1"))
    for name in ("json", "html"):  # not to be found out after minutes
        file = getattr(arguments, name)
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            wrong.append((name, str(file), "a file in a folder that is there"))
    if arguments.live and not arguments.policy:
        wrong.append(("policy", "missing", "the policy whose store is asked, with --live"))
    if arguments.live and arguments.collection is None:
        wrong.append(("collection", "missing", "the name of what is searched, with --live"))
    if wrong:
        flags = ((f"--{name.replace('_', '-')}", value, allowed) for name, value, allowed in wrong)
        raise BadConfig(tuple(Mistake("(command line)", *one) for one in flags))


def _check_extra() -> None:
    """Find out before the work begins whether what calculates and draws is there.

    Raises:
        BadConfig: it is not installed.
    """
    with needs("eval", "eval"):
        import ir_measures  # noqa: F401, PLC0415 - other commands need none of it
        import jinja2  # noqa: F401, PLC0415
        import matplotlib as mpl  # noqa: F401, PLC0415


def _limited(judged: Judged, limit: int | None) -> Judged:
    return judged._replace(queries=judged.queries[:limit])


def _live(arguments: argparse.Namespace) -> Live:
    return Live(
        arguments.collection,
        dict(map(header, arguments.header)),
        id_field=arguments.id_field,
        tenant=arguments.tenant or DEFAULT_TENANT,
        database=arguments.database or DEFAULT_DATABASE,
        vector_name=arguments.vector_name,
    )


@contextmanager
def _stage(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    with bar(title, total) as shown:
        yield shown.advance


def _show(evaluation: Evaluation) -> None:
    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)
    wide.print(tables(evaluation))
    if not evaluation.recall:
        _say("no row has the id of a judged document: see --id-field, and what the collection holds")


def _write(arguments: argparse.Namespace, evaluation: Evaluation, judged: Judged) -> None:
    """Write the files that were asked for."""
    if arguments.json is not None:
        arguments.json.write_bytes(to_json(evaluation, _facts(arguments)))
    if arguments.html is not None:
        from proxy.evaluation.page import page  # noqa: PLC0415 - of the [eval] extra

        arguments.html.write_text(page(evaluation, judged, _facts(arguments)), encoding="utf-8")


def _facts(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what another would need to do the same again."""
    return {
        "Command": shlex.join(_command(arguments)),
        "midrank": __version__,
        "Python": platform.python_version(),
        "Machine": f"{usable_cpus()} cores, {platform.machine()}, {platform.system()}",
        "Made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _command(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the words of a command line that asks for the same figures; headers may be secret."""
    yield from ("midrank", "eval", str(arguments.data))
    for name, value in vars(arguments).items():
        if name in _NO_FIGURES or value in (None, False, []):
            continue
        for one in value if isinstance(value, list) else [value]:
            yield f"--{name.replace('_', '-')}"
            if one is not True:
                yield str(one)


def _exit_code(evaluation: Evaluation, fail_under: float | None) -> int:
    """Return 1 where a policy adds less than it should, or where nothing was reranked that could."""
    if fail_under is None:
        return 0
    idle = [arm.name for arm in evaluation.policies if not arm.reranks]
    below = [arm.name for arm in evaluation.policies if arm.reranks and arm.lift.mean < fail_under]
    if idle:
        _say(f"--fail-under {fail_under:g}, and nothing was reranked: {', '.join(idle)}")
    if below:
        _say(f"below --fail-under {fail_under:g}: {', '.join(below)}")
    return 1 if idle or below else 0


def _say(words: object) -> None:
    print(f"midrank: {words}", file=sys.stderr)
