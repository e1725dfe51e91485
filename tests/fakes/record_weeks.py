"""Weeks of records out of thin air: searches of two collections, what people said, and a harm guard."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from proxy.model import Outcome, Reason
from proxy.records import segments
from proxy.records.recorded import RecordedFeedback, RecordedHarm, to_line
from proxy.records.redaction import Redaction
from proxy.records.transcript import Transcript
from tests.fakes.observations import observation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proxy.observation import Shown
    from proxy.records.recorded import Recorded, RecordedSearch

END = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)


def search(
    at: datetime = END - DAY,
    order: Sequence[int] = (1, 0, 2, 3, 4, 5, 6, 7, 8, 9),
    *,
    collection: str = "docs",
    shown: Shown = "reranked",
    query: str = "which one",
    outcome: Outcome = Outcome.RERANKED,
    reason: Reason | None = None,
    added: float = 0.012,
    texts: bool = False,
    share: float = 1.0,
    offset: int = 0,
) -> RecordedSearch:
    """Return one search."""
    seen = observation(
        order,
        collection=collection,
        shown=shown,
        query=query,
        outcome=outcome,
        reason=reason,
        added=added,
        offset=offset,
    )
    record = Transcript(b"s", Redaction() if texts else None).search(at, seen)
    return replace(record, share=share)


def said(
    value: float,
    at: datetime = END - DAY,
    *,
    collection: str = "docs",
    experiment: str = "interleave",
    arm: str | None = None,
) -> RecordedFeedback:
    """Return what came of an answer."""
    return RecordedFeedback(at, "e", "chroma", collection, experiment, arm, value, "used")  # type: ignore[arg-type]


def harm(
    event: str,
    at: datetime = END - DAY,
    *,
    collection: str = "faq",
    source: str = "probes",
    estimate: float | None = -0.05,
) -> RecordedHarm:
    """Return a step of the harm guard."""
    low, high = (None, None) if estimate is None else (estimate - 0.03, estimate + 0.03)
    return RecordedHarm(at, "chroma", collection, event, estimate, low, high, 410, source)  # type: ignore[arg-type]


@cache
def two_weeks() -> tuple[Recorded, ...]:
    """Return two weeks: `docs` is helped, `faq` is harmed and switched off on the last Tuesday."""
    coins = random.Random(6)
    found: list[Recorded] = []
    for hour in range(14 * 24):
        at = END - 14 * DAY + timedelta(hours=hour)
        for minute in range(3):
            order = coins.sample(range(10), 10)
            failed = coins.random() < 0.02
            told = {"outcome": Outcome.FALLBACK, "reason": Reason.LATE} if failed else {}
            added = 0.005 + coins.expovariate(100)
            found.append(
                search(
                    at + timedelta(minutes=minute),
                    order,
                    query=f"q{hour % 50}",
                    added=added,
                    **told,
                )
            )
            found.append(
                said(1.0 if coins.random() < 0.7 else -1.0, at + timedelta(minutes=minute, seconds=30))
            )
        off = at >= END - 6 * DAY
        shown = "auto_off" if off else "reranked"
        found.append(search(at + timedelta(minutes=10), collection="faq", shown=shown))
    found.append(harm("alarm", END - 6 * DAY - timedelta(minutes=5)))
    found.append(harm("off", END - 6 * DAY))
    return tuple(sorted(found, key=lambda record: record.at))


def write(folder: Path, records: Sequence[Recorded]) -> None:
    """Write records into a segment, as the recorder does."""
    path, file = segments.create(folder, min(record.at for record in records))
    with os.fdopen(file, "wb") as segment:
        segment.writelines(map(to_line, records))
    assert path.parent == folder
