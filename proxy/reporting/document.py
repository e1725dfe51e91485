"""A report as sentences and tables: what its forms have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.model import Outcome
from proxy.reporting import wording
from proxy.reporting.advice import Step, advise, missing
from proxy.reporting.sentences import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.reporting.changes import Changes
    from proxy.reporting.figures import Figures, Place, Summary

_NONE = "-"
# Good, bad, or to be looked at: how steps are shown.
TONES = {Step.KEEP: "good", Step.SWITCH_OFF: "bad", Step.TUNE: "open", Step.MORE_DATA: "open"}


class Row(NamedTuple):
    """The cells of a line, and its tone where it has one: good, bad or open."""

    cells: tuple[str, ...]
    tone: str = ""


class Table(NamedTuple):
    """A table; the columns from `numbers` on hold numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    numbers: int = 99
    note: str = ""


class Document(NamedTuple):
    """What a report shows, from top to bottom."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...]
    missing: tuple[str, ...]


def document(
    summary: Summary, *, judged: bool, notes: Sequence[str] = (), live: Sequence[Table] = ()
) -> Document:
    """Return the report of a summary; `notes` are said after its own sentences, `live` tables come last."""
    title = f"Reranking, {wording.days(summary.since, summary.until)}"
    tables = (_steps, _searches, _outcomes, _times, _changes, _proof, _harm)
    made = [table for make in tables if (table := make(summary)).rows]
    told = (*sentences(summary), *notes)
    return Document(title, told, (*made, *live), tuple(missing(summary.total, summary.before, judged=judged)))


def _steps(summary: Summary) -> Table:
    rows = []
    for place, figures in summary.collections.items():
        advice = advise(figures)
        rows.append(Row((_name(place), advice.step.value, advice.why), TONES[advice.step]))
    return Table("Next step for each collection", ("collection", "next step", "why"), tuple(rows))


def _searches(summary: Summary) -> Table:
    shares = ("reranked", "in part", "fell back", "passed")
    columns = ("collection", "searches", "before", "distinct queries", *shares)
    rows = [Row((name, *_volume(now, before))) for name, now, before in _all(summary)]
    note = f"Before: in the {wording.period(summary.days)} before."
    return Table("Searches", columns, tuple(rows), 1, note)


def _volume(now: Figures, before: Figures | None) -> tuple[str, ...]:
    good = now.outcomes[Outcome.RERANKED] + now.outcomes[Outcome.CACHED]
    counts = (good, *(now.outcomes[one] for one in (Outcome.PARTIAL, Outcome.FALLBACK, Outcome.PASSED)))
    return (
        f"{now.stand_for:,.0f}",
        f"{before.stand_for:,.0f}" if before is not None else _NONE,
        f"{len(now.queries):,}",
        *(wording.share(count / now.searches) if now.searches else _NONE for count in counts),
    )


def _times(summary: Summary) -> Table:
    columns = ("collection", "added", "added before", "behind answers", "the store itself")
    rows = [Row((name, *_percentiles(now, before))) for name, now, before in _all(summary)]
    note = "p50 / p95 / p99 in ms. Behind answers: what it would have added."
    return Table("Time", columns, tuple(rows), 1, note)


def _percentiles(now: Figures, before: Figures | None) -> tuple[str, ...]:
    times = (now.added, before.added if before is not None else None, now.would_add, now.store)
    return tuple(wording.percentiles(one) if one is not None else _NONE for one in times)


def _outcomes(summary: Summary) -> Table:
    total = summary.total
    rows = [
        Row((outcome, reason.replace("_", " "), f"{count:,}", wording.share(count / total.searches)))
        for (outcome, reason), count in total.reasons.most_common()
    ]
    return Table("Why not all were reranked", ("outcome", "reason", "searches", "share"), tuple(rows), 2)


def _changes(summary: Summary) -> Table:
    columns = (
        "collection",
        "order",
        "searches",
        "same rows on the page",
        "rank-biased overlap",
        "another first row",
    )
    rows = []
    for name, figures, _ in _all(summary):
        rows += [
            _change(name, "answered", figures.changes),
            _change(name, "behind answers", figures.would_change),
        ]
    note = (
        "Rank-biased overlap: 1 where nothing changes; the first ten rows are most of it. "
        "Answers drawn from both orders count with the reranked one."
    )
    return Table("How much orders change", columns, tuple(row for row in rows if row is not None), 2, note)


def _change(name: str, which: str, changes: Changes) -> Row | None:
    if not changes.count:
        return None
    shares = (
        wording.share(changes.overlap),
        wording.points(changes.biased_overlap),
        wording.share(changes.displaced),
    )
    return Row((name, which, f"{changes.count:,}", *shares))


def _proof(summary: Summary) -> Table:
    columns = ("collection", "kind", "answers", "reranked", "store's", "difference", "95 % interval", "p")
    rows = [row for name, figures, _ in _all(summary) for row in _proofs(name, figures)]
    note = "Intervals and p of what people said hold whenever one looks. Judged: NDCG@5, by bootstrap."
    return Table("What people and judgments say", columns, tuple(rows), 2, note)


def _proofs(name: str, figures: Figures) -> Iterator[Row]:
    votes = figures.preferences
    if votes.decided:
        low, high = votes.interval
        shares = (wording.share(votes.wins / votes.decided), wording.share(votes.losses / votes.decided))
        bounds = (wording.points(votes.preference, signed=True), wording.interval(low, high))
        tone = _tone(low, high)
        yield Row(
            (name, "compared", f"{votes.decided:,}", *shares, *bounds, wording.chance(votes.p_value)), tone
        )
    if (rates := figures.rates) is not None:
        sides = (wording.share(rates.treatment_rate), wording.share(rates.control_rate))
        change = f"{rates.treatment_rate - rates.control_rate:+.1%}"
        counts = f"{rates.treatment:,} / {rates.control:,}"
        bounds = (change, f"{rates.low:+.1%} to {rates.high:+.1%}")
        yield Row((name, "A/B", counts, *sides, *bounds, _NONE), _tone(rates.low, rates.high))
    if (lift := figures.lift) is not None:
        bounds = (wording.points(lift.mean, signed=True), wording.interval(lift.low, lift.high))
        yield Row(
            (name, "judged", f"{lift.queries:,}", _NONE, _NONE, *bounds, _NONE), _tone(lift.low, lift.high)
        )


def _harm(summary: Summary) -> Table:
    columns = ("collection", "when (UTC)", "what", "because of", "estimate", "interval", "over")
    rows = []
    for place, figures in summary.collections.items():
        for one in figures.harm:
            estimate = wording.points(one.estimate, signed=True) if one.estimate is not None else _NONE
            known = one.low is not None and one.high is not None
            bounds = wording.interval(one.low or 0.0, one.high or 0.0) if known else _NONE
            when = f"{one.at:%Y-%m-%d %H:%M}"
            told = (
                _name(place),
                when,
                one.event,
                wording.name(one.source)[1:-1],
                estimate,
                bounds,
                f"{one.count:,}",
            )
            rows.append(Row(told, "good" if one.event == "on" else "bad"))
    return Table("Harm guard", columns, tuple(rows), 4)


def _all(summary: Summary) -> Iterator[tuple[str, Figures, Figures | None]]:
    """Yield collections with what was before, and everything together where there are several."""
    for place, figures in summary.collections.items():
        yield _name(place), figures, summary.collections_before.get(place)
    if len(summary.collections) > 1:
        yield "all", summary.total, summary.before


def _name(place: Place) -> str:
    store, collection = place
    return f"{wording.name(collection)[1:-1]} ({wording.name(store)[1:-1]})"


def _tone(low: float, high: float) -> str:
    return "good" if low > 0 else "bad" if high < 0 else ""
