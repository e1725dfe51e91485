"""midrank record: Serve a policy and record its searches; or look at records, or remove them.

What is recorded is what the policy's own `record` says, for this run, with --folder, --share and --texts in
place of what it says there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy.cli import run as run_command
from proxy.cli.policy_source import policy_from
from proxy.errors import BadConfig, Mistake
from proxy.policy_evidence import Record
from proxy.records.reader import Records
from proxy.records.recorded import RecordedFeedback, RecordedSearch
from proxy.records.segments import remove, segments
from proxy.reporting.wording import counted

if TYPE_CHECKING:
    from proxy.policy import Policy
    from proxy.records.segments import Segment

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--folder", metavar="DIR", help="serve, and record to this folder")
    what.add_argument("--stats", type=Path, metavar="DIR", help="tell what is in a folder of records")
    what.add_argument("--purge", type=Path, metavar="DIR", help="remove the records of a folder")
    parser.add_argument(
        "--before", type=moment, metavar="DATE", help="with --purge: those alone from before, as 2026-01-31"
    )
    parser.add_argument("--share", type=_share, metavar="S", help="share of searches that are recorded")
    parser.add_argument(
        "--texts", choices=("hash", "keep"), help="digests of texts alone (default), or texts"
    )
    parser.add_argument("--for", dest="seconds", type=_duration, metavar="10m", help="end after that time")
    run_command.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record, tell or remove, and return the exit code; mistakes leave as `BadConfig`."""
    if arguments.stats is not None:
        _show(arguments.stats)
        return 0
    if arguments.purge is not None:
        return _purge(arguments.purge, arguments.before)
    code = run_command.serve(
        lambda: recording(policy_from(arguments), arguments), arguments, arguments.seconds
    )
    if Path(arguments.folder).is_dir():
        _show(Path(arguments.folder))
    return code


def recording(policy: Policy, arguments: argparse.Namespace) -> Policy:
    """Return a policy that records what the command line asks for."""
    given = {name: getattr(arguments, name) for name in ("folder", "share", "texts")}
    own = policy.record.model_dump() if policy.record is not None else {}
    told = {name: value for name, value in given.items() if value is not None}
    return policy.model_copy(update={"record": Record.model_validate(own | told)})


def moment(text: str) -> datetime:
    """Return a date, or a date and time, that was written down; UTC where no zone is told.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-01-31") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _show(folder: Path) -> None:
    console = Console()
    found = _segments(folder)
    records = Records(folder)
    table = Table(box=None)
    for title in ("store", "collection"):
        table.add_column(title)
    for title in ("searches", "feedback", "harm guard"):
        table.add_column(title, justify="right")
    counts: Counter[tuple[str, str, str]] = Counter()
    first = last = None
    texts = 0
    for record in records:
        first, last = first or record.at, record.at
        if isinstance(record, RecordedSearch):
            texts += record.query is not None
        kind = {RecordedSearch: "searches", RecordedFeedback: "feedback"}.get(type(record), "harm guard")
        counts[record.store, record.collection, kind] += 1
    for store, collection in dict.fromkeys((store, collection) for store, collection, _ in sorted(counts)):
        figures = (f"{counts[store, collection, kind]:,}" for kind in ("searches", "feedback", "harm guard"))
        table.add_row(escape(store), escape(collection), *figures)
    if counts:
        console.print(table)
    size = sum(segment.size for segment in found) / _MB
    period = f", {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" if first and last else ""
    console.print(
        f"{counted(counts.total(), 'record')} in {counted(len(found), 'file')}, {size:,.1f} MB{period}",
        highlight=False,
    )
    console.print(f"{counted(texts, 'search')} with texts", highlight=False)
    if records.skipped:
        lines = counted(records.skipped, "line")
        console.print(f"no records: {lines}, {records.newer:,} of them by a later midrank", highlight=False)


def _purge(folder: Path, before: datetime | None) -> int:
    try:
        removed = remove(_segments(folder), before)
    except OSError as error:
        print(f"midrank: {folder}: {error.strerror or 'records can not be removed'}", file=sys.stderr)
        return 1
    print(f"{counted(removed, 'file')} removed")
    return 0


def _segments(folder: Path) -> list[Segment]:
    try:
        return segments(folder)
    except OSError as error:
        why = error.strerror or "not readable"
        raise BadConfig((Mistake(str(folder), "(folder)", why, "a folder of records"),)) from error


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share above 0 and up to 1")
    return share


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 10m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2] or "s"]
