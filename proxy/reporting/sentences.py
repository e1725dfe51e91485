"""What a summary says, in plain sentences: the first page of a report, for whoever reads no table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.evaluation.verdict import FEWEST_QUERIES
from proxy.evidence.preferences import ALPHA
from proxy.model import Outcome
from proxy.reporting import wording
from proxy.reporting.wording import counted, duration, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.records.recorded import RecordedHarm
    from proxy.reporting.figures import Figures, Summary

_GOOD = (Outcome.RERANKED, Outcome.CACHED)
_SOURCES = {
    "probes": "judged queries",
    "reference": "searches that the reference model looked at",
    "preference": "answers that people chose from",
}
# Records name no callers.
_SPLIT = "Whether callers were split as the policy says is not in records: a running midrank tells (--admin)."
# Reasons that are worth a word.
_MOST_REASONS = 3


def sentences(summary: Summary) -> list[str]:
    """Return what there is to say, the most important first."""
    total = summary.total
    if not total.searches:
        period = wording.days(summary.since, summary.until)
        return [f"No search was recorded from {period}.", *_harm(summary)]
    told = [_volume(summary), *_times(total), *_changes(total)]
    return [*told, *_people(total), *_lift(total), *_harm(summary), *_before(summary)]


def _volume(summary: Summary) -> str:
    total = summary.total
    number = counted(total.searches, "search")
    if total.stand_for > total.searches * 1.005:
        number += f" (a sample of about {total.stand_for:,.0f})"
    where = counted(len(summary.collections), "collection")
    good = sum(total.outcomes[outcome] for outcome in _GOOD) / total.searches
    parts = [f"{share(good)} were reranked"]
    if total.outcomes[Outcome.PARTIAL]:
        parts.append(f"{share(total.outcomes[Outcome.PARTIAL] / total.searches)} in part")
    if total.outcomes[Outcome.FALLBACK]:
        fell = share(total.outcomes[Outcome.FALLBACK] / total.searches)
        parts.append(f"{fell} kept the store's order as something went wrong{_reasons(total)}")
    if total.outcomes[Outcome.PASSED]:
        parts.append(f"{share(total.outcomes[Outcome.PASSED] / total.searches)} had nothing to be reranked")
    sentence = f"Of {number} in {where}, {wording.joined(parts)}."
    if total.behind:
        behind = share(total.behind / total.searches)
        sentence += f" {behind} of all were ranked behind the answer, which came in the store's order."
    return sentence


def _reasons(total: Figures) -> str:
    reasons = [
        f"{reason.replace('_', ' ')} {share(count / total.searches)}"
        for (outcome, reason), count in total.reasons.most_common()
        if outcome == Outcome.FALLBACK
    ]
    return f" ({', '.join(reasons[:_MOST_REASONS])})" if reasons else ""


def _times(total: Figures) -> Iterator[str]:
    store = total.store
    if (added := total.added) is not None and store is not None:
        yield (
            f"Reranking added {duration(added.p50)} to half of the answers or less, {duration(added.p95)} at "
            f"p95 and {duration(added.p99)} at p99; the store itself took {duration(store.p50)} at p50 and "
            f"{duration(store.p95)} at p95."
        )
    if (would := total.would_add) is not None:
        yield (
            f"Where it ran behind the answer it would have added {duration(would.p50)} at p50 and "
            f"{duration(would.p95)} at p95."
        )


def _changes(total: Figures) -> Iterator[str]:
    if (seen := total.changes).count:
        yield (
            f"{share(seen.displaced)} of the answers began with another row than the store's, and "
            f"{share(seen.overlap)} of the rows of a page were on the store's own page too."
        )
    if (hidden := total.would_change).count:
        yield (
            f"Of rankings behind answers, {share(hidden.displaced)} would have begun with another row, and "
            f"{share(hidden.overlap)} of the rows of a page would have been the same."
        )


def _people(total: Figures) -> Iterator[str]:
    votes = total.preferences
    if votes.decided:
        share_won = share(votes.wins / votes.decided)
        what = f"{votes.decided:,} decided comparisons (p = {wording.chance(votes.p_value)})".replace(
            "= <", "<"
        )
        if votes.p_value >= ALPHA:
            yield f"Callers show no clear preference yet: {share_won} of {what} speak for the reranked order."
        elif votes.preference > 0:
            yield f"Callers preferred the reranked order in {share_won} of {what}."
        else:
            yield f"Callers preferred the store's order: the reranked one won {share_won} of {what}."
    if (rates := total.rates) is not None:
        proven = rates.low > 0 or rates.high < 0
        yield (
            f"{share(rates.treatment_rate)} of the reranked answers were of use, and "
            f"{share(rates.control_rate)} of the store's own: {'a' if proven else 'no proven'} difference "
            f"(95 % {rates.low:+.1%} to {rates.high:+.1%}). {_SPLIT}"
        )


def _lift(total: Figures) -> Iterator[str]:
    if (lift := total.lift) is not None:
        among = f"In {counted(lift.queries, 'judged query')} among the searches, NDCG@5"
        by = f"by {wording.points(abs(lift.mean))}"
        what = f"{'rose' if lift.mean > 0 else 'fell'} {by}" if lift.mean else "stayed as it was"
        if lift.queries < FEWEST_QUERIES:
            yield f"{among} {what}; that is too few to tell."
        else:
            yield f"{among} {what} (95 % {wording.interval(lift.low, lift.high)})."


def _harm(summary: Summary) -> Iterator[str]:
    for (_, collection), figures in summary.collections.items():
        where = wording.name(collection)
        for step in figures.harm:
            yield f"{_step(where, step)}{_estimate(step)}."
        if figures.off and not figures.harm:
            yield f"{where} is switched off: the harm guard answers its searches in the store's order."


def _step(where: str, step: RecordedHarm) -> str:
    when = wording.day(step.at)
    if step.event == "alarm":
        return f"On {when} the harm guard raised an alarm about {where}"
    by = " by an operator" if step.source == "operator" else ""
    return f"{where} was switched {step.event} on {when}{by}"


def _estimate(step: RecordedHarm) -> str:
    if step.estimate is None:
        return ""
    what = "preference" if step.source == "preference" else "lift"
    bounds = (
        f", surely {wording.interval(step.low, step.high)},"
        if step.low is not None and step.high is not None
        else ""
    )
    over = f" over {step.count:,} {_SOURCES.get(step.source, step.source)}" if step.count else ""
    return f": {what} {wording.points(step.estimate, signed=True)}{bounds}{over}"


def _before(summary: Summary) -> Iterator[str]:
    now, before = summary.total, summary.before
    if not before.searches:
        return
    parts = [counted(before.stand_for, "search")]
    if before.added is not None:
        parts.append(f"{duration(before.added.p95)} added at p95")
    fell = before.outcomes[Outcome.FALLBACK] / before.searches
    parts.append(f"{share(fell)} fallbacks")
    change = now.stand_for / before.stand_for - 1
    yield f"In the {wording.period(summary.days)} before: {wording.joined(parts)} (searches {change:+.0%})."
