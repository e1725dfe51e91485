"""A report as JSON: the figures behind it, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from proxy.reporting.advice import advise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.reporting.changes import Changes
    from proxy.reporting.document import Document
    from proxy.reporting.figures import Figures, Summary


def to_json(summary: Summary, report: Document, live: Mapping[str, object]) -> bytes:
    """Return a report as an object: times in seconds, shares from 0 to 1; `live` is put in as it is."""
    before = summary.collections_before
    collections = [
        {"store": place[0], "collection": place[1], "advice": {"step": advice.step, "why": advice.why}}
        | {"figures": _figures(figures), "before": _figures(before[place]) if place in before else None}
        for place, figures in summary.collections.items()
        for advice in (advise(figures),)
    ]
    tree = {
        "version": 1,
        "since": summary.since,
        "until": summary.until,
        "sentences": report.sentences,
        "missing": report.missing,
        "total": _figures(summary.total),
        "before": _figures(summary.before),
        "collections": collections,
        "live": live,
    }
    return orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _figures(figures: Figures) -> dict[str, object]:
    return {
        "searches": figures.searches,
        "stand_for": figures.stand_for,
        "behind_answers": figures.behind,
        "distinct_queries": len(figures.queries),
        "outcomes": dict(figures.outcomes),
        "reasons": [
            {"outcome": outcome, "reason": reason, "searches": count}
            for (outcome, reason), count in figures.reasons.items()
        ],
        "added": _named(figures.added),
        "would_add": _named(figures.would_add),
        "store": _named(figures.store),
        "changes": _changes(figures.changes),
        "would_change": _changes(figures.would_change),
        "preference": figures.preferences.figures() if figures.preferences.decided else None,
        "ab": _named(figures.rates),
        "judged": _named(figures.lift),
        "harm_guard": {"off": figures.off, "steps": figures.harm},
    }


def _named(values: object) -> object:
    return values._asdict() if isinstance(values, tuple) and hasattr(values, "_asdict") else None


def _changes(changes: Changes) -> dict[str, float] | None:
    if not changes.count:
        return None
    return {
        "searches": changes.count,
        "overlap": changes.overlap,
        "rank_biased_overlap": changes.biased_overlap,
        "displaced_top1": changes.displaced,
    }
