"""What is known of a collection, in sentences for whoever has to decide."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxy.evidence.case import LEAST_PREFERRED, Source

if TYPE_CHECKING:
    from proxy.evidence.case import Case, Terms
    from proxy.evidence.witness import Estimate

_WHO = {
    Source.PROBES: "judged queries",
    Source.REFERENCE: "searches that the reference model looked at",
    Source.PREFERENCE: "answers that people chose from",
}


def statement(case: Case, terms: Terms, auto_off: bool) -> dict[str, object]:
    """Return a case as JSON: its `state` in a word, harmful, good or open, and the `verdict` in sentences."""
    estimates = case.estimates()
    alarm, sentences = case.alarm, []
    if alarm is not None:
        state = "harmful"
        sentences.append(f"Reranking does harm here: {_written(alarm.source, alarm.estimate)}.")
        sentences.append("The store's own order is answered." if auto_off else "It goes on: auto_off is off.")
        sentences += [f"Since then: {_written(*item)}." for item in estimates.items() if item[1].count]
        if auto_off and set(estimates) <= {Source.PREFERENCE}:
            sentences.append("Nothing can show that it has become good: reset it after a change.")
    elif case.proven():
        state = "good"
        sentences.append(f"Reranking is surely good enough here (above {terms.min_lift:+.3f}).")
    else:
        state = "open"
        sentences.append("It is open yet whether reranking does good here.")
    if alarm is None:
        sentences += [f"{_written(*item).capitalize()}." for item in estimates.items() if item[1].count]
    if Source.PREFERENCE in estimates and 0 < estimates[Source.PREFERENCE].count < LEAST_PREFERRED:
        sentences.append(f"Preferences are believed from {LEAST_PREFERRED} different queries on.")
    return {
        "state": state,
        "answers": "store" if alarm is not None and auto_off else "reranked",
        "verdict": " ".join(sentences),
        "alarm": None
        if alarm is None
        else {"source": alarm.source.value, "since": _time(alarm.at), **asdict(alarm.estimate)},
        "estimates": {source.value: asdict(estimate) for source, estimate in estimates.items()},
    }


def _written(source: Source, estimate: Estimate) -> str:
    what = "preference" if source is Source.PREFERENCE else "lift"
    bounds = f"surely {estimate.low:+.3f} to {estimate.high:+.3f}"
    return f"{what} {estimate.mean:+.3f} ({bounds}) over {estimate.count:,} {_WHO[source]}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
