"""The case against reranking one collection: what was measured, and when that is enough to act on.

Each source has a running mean with bounds that hold at all times at once (`proxy.stats.sequences`), so that
the case may be judged after every value. What makes the promise of `Terms` hold for as long as midrank runs:

1. Sources share the chance of error equally, whichever speaks first.
2. A query counts once: asking one a hundred times says nothing about others. Of preferences there have to be
   some from different queries before they are believed at all.
3. A source begins anew at times (see `witness.py`), and with every alarm and its end, with a smaller part of
   the chance of error each time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import TypeAdapter

from proxy.evidence.witness import Estimate, Witness

if TYPE_CHECKING:
    from collections.abc import Iterable

# Whoever may search and post makes preferences, and a handful of queries must not switch a collection off for
# all: the bounds alone would believe eight that are of one mind.
LEAST_PREFERRED = 30


class Source(StrEnum):
    """Who says whether reranking does good."""

    PROBES = "probes"
    REFERENCE = "reference"
    PREFERENCE = "preference"

    @property
    def least(self) -> int:
        """How many different queries it must have heard before it is believed."""
        return LEAST_PREFERRED if self is Source.PREFERENCE else 1


class Terms(NamedTuple):
    """When to act: on a lift surely below `min_lift`; `error` is the chance of ever being wrong about one."""

    min_lift: float
    error: float

    def bar(self, source: Source) -> float:
        """Return what a source's mean is compared with.

        Preferences are no lifts: 0 says that both orders are liked equally, and no other value can be
        compared with NDCG. Where some harm is allowed, as much preference for the store's order is.
        """
        return min(0.0, self.min_lift) if source is Source.PREFERENCE else self.min_lift


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why there is one, and since when, in seconds since 1970."""

    source: Source
    estimate: Estimate
    at: float


class Step(NamedTuple):
    """A change: an alarm is raised, or ended by what a source has found since."""

    kind: Literal["raised", "ended"]
    source: Source
    estimate: Estimate


class Case:
    """The sources about one collection, and whether they amount to an alarm."""

    def __init__(self, sources: Iterable[Source], terms: Terms, now: float) -> None:
        """Begin without values; `now` are seconds since 1970, here as everywhere."""
        self._sources = {source: Witness(now) for source in sources}
        self._terms = terms
        self._error = terms.error / max(1, len(self._sources))
        self.alarm: Alarm | None = None

    def wants(self, source: Source, query: int, now: float) -> bool:
        """Say whether a source's value for a query would count; to be asked once for every time it comes."""
        witness = self._sources[source]
        return witness.over(now) or not witness.repeats(query)

    def add(self, source: Source, value: float, query: int, now: float) -> Step | None:
        """Take in a value that is wanted; return what changes by it."""
        if self._sources[source].over(now):
            self._sources[source] = self._sources[source].next(now)
        witness = self._sources[source]
        witness.add(value, query)
        if self.alarm is None:
            if not self._harmful(source):
                return None
            step = Step("raised", source, witness.estimate(self._error))
            self.alarm = Alarm(source, step.estimate, now)
        else:
            if not self._good(source) or self._contradicted():
                return None
            step = Step("ended", source, witness.estimate(self._error))
            self.alarm = None
        self._sources = {one: before.next(now) for one, before in self._sources.items()}
        return step

    def estimates(self) -> dict[Source, Estimate]:
        """Return what every source says."""
        return {source: one.estimate(self._error) for source, one in self._sources.items()}

    def proven(self) -> bool:
        """Say whether a source is sure that reranking does good enough, and none of the opposite."""
        return any(map(self._good, self._sources)) and not self._contradicted()

    def _contradicted(self) -> bool:
        return any(map(self._harmful, self._sources))

    def _harmful(self, source: Source) -> bool:
        witness = self._sources[source]
        return witness.count >= source.least and witness.below(self._terms.bar(source), self._error)

    def _good(self, source: Source) -> bool:
        witness = self._sources[source]
        return witness.count >= source.least and witness.above(self._terms.bar(source), self._error)

    def to_state(self) -> dict[str, object]:
        """Return what `from_state` takes, of JSON's own types."""
        return {
            "alarm": self.alarm and asdict(self.alarm),
            "sources": {source.value: one.to_state() for source, one in self._sources.items()},
        }

    @classmethod
    def from_state(cls, state: object, sources: Iterable[Source], terms: Terms, now: float) -> Case:
        """Return the case that said this of itself; sources that are no more in use are left out.

        Raises:
            ValueError: none did.
        """
        kept = _CASE.validate_python(state)
        restored = cls(sources, terms, now)
        restored.alarm = kept.alarm
        for source in restored._sources:
            if source in kept.sources:
                restored._sources[source] = Witness.from_state(kept.sources[source])
        return restored


@dataclass(frozen=True, slots=True)
class _KeptCase:
    """A case as JSON has it."""

    alarm: Alarm | None
    sources: dict[str, object]


# What it finds wrong is a ValueError.
_CASE = TypeAdapter(_KeptCase)
