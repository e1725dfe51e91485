"""A report as one page, in the style of an evaluation's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proxy.evaluation.html import render

if TYPE_CHECKING:
    from proxy.reporting.document import Document

_TEMPLATES = Path(__file__).parent / "templates"
# The stylesheet's classes.
_TONES = {"good": "gain", "bad": "loss"}


def to_html(report: Document) -> str:
    """Return a page that loads nothing.

    Raises:
        ModuleNotFoundError: the [eval] extra is not installed.
    """
    return render("report.html", _TEMPLATES, report=report, tones=_TONES)
