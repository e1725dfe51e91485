"""A report in Markdown: to be mailed, posted, or kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.reporting.document import Document, Row, Table

# What would be markup. Names of collections come from callers; backticks are ours.
_MARKUP = re.compile(r"([\\*_{}\[\]<>#|~&!])")
_CODE = re.compile(r"(`[^`]*`)")
_MARKS = {"good": "✓ ", "bad": "✗ "}


def to_markdown(report: Document) -> str:
    """Return a report as GitHub's Markdown."""
    parts = [f"# {_written(report.title)}", *map(_written, report.sentences)]
    parts += map(_table, report.tables)
    if report.missing:
        parts += ["## To say more", "\n".join(f"- {_written(sentence)}" for sentence in report.missing)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    rules = ("---:" if place >= table.numbers else "---" for place, _ in enumerate(table.columns))
    lines = [_line(table.columns), f"| {' | '.join(rules)} |", *map(_row, table.rows)]
    note = [_written(table.note)] if table.note else []
    return "\n\n".join((f"## {_written(table.title)}", "\n".join(lines), *note))


def _row(row: Row) -> str:
    first, *others = row.cells
    return _line((_MARKS.get(row.tone, "") + first, *others))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_written, cells))} |"


def _written(text: str) -> str:
    """Escape markup, but leave what stands in backticks as it is, except what ends a cell of a table."""
    parts = _CODE.split(text)
    return "".join(
        part.replace("|", "\\|") if place % 2 else _MARKUP.sub(r"\\\1", part)
        for place, part in enumerate(parts)
    )
