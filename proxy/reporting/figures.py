"""What the records of a period add up to: for every collection, and for all of them."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from proxy.evidence.preferences import ALPHA, Tally
from proxy.model import Outcome
from proxy.records.recorded import RecordedFeedback, RecordedHarm, RecordedSearch
from proxy.reporting.changes import Changes
from proxy.reporting.judged import JudgedSearches, Lift
from proxy.stats.latency import percentiles
from proxy.stats.sequences import RunningMean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from proxy.records.recorded import Recorded
    from proxy.stats.latency import Latency

Place = tuple[str, str]


_RANKED = frozenset((Outcome.RERANKED, Outcome.PARTIAL, Outcome.CACHED))
_BEHIND = frozenset(("shadow", "auto_off"))


class Rates(NamedTuple):
    """How often answers were of use on both sides of an A/B test; the interval holds whenever one looks."""

    treatment: int
    control: int
    treatment_rate: float
    control_rate: float
    low: float
    high: float


class Figures:
    """The records of one collection, or of several, added up."""

    def __init__(self, grades: Mapping[str, Mapping[str, float]]) -> None:
        """Start empty; `grades` are of judged queries, by their texts."""
        self.searches = 0
        # Of how many searches these are a sample.
        self.stand_for = 0.0
        self.behind = 0
        self.texts = 0
        self.queries: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        # What callers got, and what they would have got of rankings made behind their answers.
        self.changes, self.would_change = Changes(), Changes()
        self._added, self._would_add, self._store = (array("d") for _ in range(3))
        self.preferences = Tally()
        # Of values in [-1, 1]: a share s is taken in as 2 s - 1.
        self._sides = {"treatment": RunningMean(), "control": RunningMean()}
        self.plain = 0
        self.harm: list[RecordedHarm] = []
        self._last_shown = ""
        self._judged = JudgedSearches(grades)

    def add(self, record: Recorded) -> None:
        """Take in a record; they come in the order of their time."""
        if isinstance(record, RecordedSearch):
            self._add_search(record)
        elif isinstance(record, RecordedHarm):
            self.harm.append(record)
        else:
            self._add_feedback(record)

    @property
    def ranked(self) -> int:
        """Searches that models ordered, wholly or in part."""
        return sum(self.outcomes[outcome] for outcome in _RANKED)

    @property
    def added(self) -> Latency | None:
        """What answers took longer."""
        return _times(self._added)

    @property
    def would_add(self) -> Latency | None:
        """What answers in the store's order would have taken longer."""
        return _times(self._would_add)

    @property
    def store(self) -> Latency | None:
        """What the store took."""
        return _times(self._store)

    @property
    def rates(self) -> Rates | None:
        """How often answers were of use on both sides; None if one is empty."""
        treated, control = self._sides["treatment"], self._sides["control"]
        if not treated.count or not control.count:
            return None
        # Each interval is wrong with half the chance, so that both are right at once with all of it.
        (low, high), (own_low, own_high) = (one.interval(ALPHA / 2) for one in (treated, control))
        rates = (1 + treated.mean) / 2, (1 + control.mean) / 2
        return Rates(treated.count, control.count, *rates, (low - own_high) / 2, (high - own_low) / 2)

    @property
    def lift(self) -> Lift | None:
        """What judged queries say, if there are some."""
        return self._judged.lift

    @property
    def off(self) -> bool:
        """Whether the store's order was answered at last because reranking does harm."""
        steps = [one.event for one in self.harm if one.event != "alarm"]
        return steps[-1] == "off" if steps else self._last_shown == "auto_off"

    @property
    def alarm(self) -> RecordedHarm | None:
        """The last alarm or switching off, if nothing was taken back since."""
        return self.harm[-1] if self.harm and self.harm[-1].event != "on" else None

    def _add_search(self, search: RecordedSearch) -> None:
        behind = search.shown in _BEHIND
        self.searches += 1
        self.stand_for += 1 / search.share
        self.behind += behind
        self.texts += search.query is not None
        self.queries.add(search.query_digest)
        self.outcomes[search.outcome.value] += 1
        if search.reason is not None:
            self.reasons[search.outcome.value, search.reason.value] += 1
        (self._would_add if behind else self._added).append(search.added_ms / 1000)
        self._store.append(search.store_ms / 1000)
        self._last_shown = search.shown
        if search.outcome in _RANKED:
            (self.would_change if behind else self.changes).add(search)
            self._judged.add(search)

    def _add_feedback(self, told: RecordedFeedback) -> None:
        if told.experiment == "interleave":
            self.preferences.add(told.value)
        elif told.experiment == "plain":
            self.plain += 1
        elif told.arm is not None:
            self._sides[told.arm].add(2 * told.value - 1)


@dataclass(frozen=True, slots=True)
class Summary:
    """A period and the one before it, as long: everything together, and by store and collection."""

    since: datetime
    until: datetime
    total: Figures
    before: Figures
    collections: Mapping[Place, Figures]
    collections_before: Mapping[Place, Figures]

    @property
    def days(self) -> float:
        """How long each of the two is."""
        return (self.until - self.since) / timedelta(days=1)


def summarise(
    records: Iterable[Recorded], until: datetime, period: timedelta, grades: Mapping[str, Mapping[str, float]]
) -> Summary:
    """Add up the records of the period that ends at `until`, and of the one before; pass over all others."""
    since = until - period
    totals = Figures(grades), Figures(grades)
    parts: tuple[dict[Place, Figures], dict[Place, Figures]] = ({}, {})
    for record in records:
        if not since - period <= record.at < until:
            continue
        which = record.at < since
        place = (record.store, record.collection)
        if place not in parts[which]:
            parts[which][place] = Figures(grades)
        totals[which].add(record)
        parts[which][place].add(record)
    now, before = (dict(sorted(part.items(), key=lambda item: -item[1].stand_for)) for part in parts)
    return Summary(since, until, totals[0], totals[1], now, before)


def _times(seconds: array[float]) -> Latency | None:
    return percentiles(seconds) if seconds else None
