"""midrank report: Tell people who decide what reranking did lately, what speaks for it, and what to do next.

It reads records, and asks a running midrank only where it is told its admin address.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from proxy.cli import admin_port
from proxy.cli.extras import needs
from proxy.cli.record import moment
from proxy.errors import BadConfig, Mistake
from proxy.evaluation.judged import read
from proxy.records.reader import Records
from proxy.reporting import wording
from proxy.reporting.as_html import to_html
from proxy.reporting.as_json import to_json
from proxy.reporting.as_markdown import to_markdown
from proxy.reporting.as_text import show
from proxy.reporting.document import document
from proxy.reporting.figures import summarise
from proxy.reporting.live import live_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.reporting.document import Document

# Columns, where the output is a file or a pipe and has none of its own.
_PIPED_WIDTH = 150


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--records", type=Path, required=True, metavar="DIR", help="the folder of records")
    parser.add_argument(
        "--days", type=_days, default=7, metavar="N", help="how long the period is (default 7)"
    )
    parser.add_argument("--until", type=moment, metavar="DATE", help="when it ends, in UTC (default: now)")
    parser.add_argument("--admin", metavar="HOST:PORT", help="add what a running midrank tells")
    parser.add_argument(
        "--judged", type=Path, metavar="FILE", help="judged queries: a file, or a BEIR folder"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", metavar="FILE", help="write Markdown, - for stdout")
    form.add_argument("--html", metavar="FILE", help="write a page, - for stdout; wants midrank[eval]")
    form.add_argument("--json", metavar="FILE", help="write JSON, - for stdout")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and return the exit code; mistakes leave as `BadConfig`."""
    until = arguments.until or datetime.now(UTC)
    period = timedelta(days=arguments.days)
    grades = _grades(arguments.judged) if arguments.judged is not None else {}
    try:
        since = until - 2 * period
    except OverflowError:
        what = until.date().isoformat()
        raise BadConfig((Mistake("(command line)", "--until", what, "a later day"),)) from None
    records = Records(arguments.records, since=since, until=until)
    summary = summarise(records, until, period, grades)
    notes, live = [], _live(arguments.admin)
    if records.skipped:
        notes.append(f"{wording.counted(records.skipped, 'line')} of the records could not be read.")
    report = document(
        summary,
        judged=bool(grades),
        notes=notes,
        live=live_tables(live.get("status", {}), live.get("evidence", {})),
    )
    if arguments.json is not None:
        return _write(arguments.json, to_json(summary, report, live))
    if arguments.markdown is not None:
        return _write(arguments.markdown, to_markdown(report).encode())
    if arguments.html is not None:
        return _write(arguments.html, _html(report).encode())
    console = Console(highlight=False)
    show(report, console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH))
    return 0


def _grades(path: Path) -> dict[str, Mapping[str, float]]:
    """Return the grades of documents by the texts of judged queries."""
    return {query.text: query.relevant for query in read(path).queries}


def _live(admin: str | None) -> dict[str, Mapping[str, object]]:
    """Return what a running midrank answers; a report without it is better than none."""
    answers: dict[str, Mapping[str, object]] = {}
    for path in ("/status", "/evidence") if admin is not None else ():
        try:
            answers[path[1:]] = admin_port.ask(argparse.Namespace(admin=admin, policy=None), "GET", path)
        except admin_port.Unanswered as failed:
            print(f"midrank: {failed}", file=sys.stderr)
    return answers


def _html(report: Document) -> str:
    with needs("eval", "--html"):
        return to_html(report)


def _write(target: str, content: bytes) -> int:
    if target == "-":
        sys.stdout.buffer.write(content)
        return 0
    try:
        Path(target).write_bytes(content)
    except OSError as error:
        what = error.strerror or "not writable"
        raise BadConfig((Mistake(target, "(file)", what, "a file that can be written"),)) from error
    return 0


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= 3650:
        raise argparse.ArgumentTypeError(f"{text} is no number of days above 0")
    return days
