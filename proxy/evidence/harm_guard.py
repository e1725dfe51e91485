"""The harm guard: whether reranking does good, for every collection, and the end of it where it harms.

Three sources tell: judged queries that come by (`probes.py`), a stronger model's opinion of some searches
(`reference.py`), and what people preferred where both orders were shown. What they amount to is decided in
`case.py`; here is what they are told, what comes of it, and where it is kept.

A collection that there is an alarm about may be switched off. It stays so until the same sources are sure of
the opposite, by values from then on alone, or until an operator resets it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from proxy.evidence.case import Source, Terms
from proxy.evidence.cases import Cases
from proxy.evidence.evidence_file import EvidenceFile
from proxy.evidence.lift import lift
from proxy.evidence.probes import Probes, read_probes
from proxy.evidence.query_number import Shares, query_number
from proxy.evidence.reference import Reference
from proxy.evidence.statement import statement
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.evidence.case import Step
    from proxy.evidence.reference import Rank
    from proxy.observation import Observation
    from proxy.policy_evidence import HarmGuard as Settings

# Seconds between two writes of the file: what a crash may cost.
KEEP_EVERY = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What the guard did about a collection, and why; an operator's reset has no figures.

    `alarm` changes nothing but that it is told; `off` and `on` are what callers get.
    """

    store: str
    collection: str
    event: Literal["alarm", "off", "on"]
    source: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0


class HarmGuard:
    """Is told of searches and preferences; tells which collections are to be left in the store's order."""

    def __init__(
        self,
        settings: Settings,
        *,
        preference: bool = False,
        rank: Rank | None = None,
        secret: bytes = b"",
        on_change: Callable[[Change], None] = lambda _: None,
        now: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
        keep_every: float = KEEP_EVERY,
    ) -> None:
        """Take what is configured.

        `preference` says whether preferences will be told, `rank` is the reference model, `secret` decides
        which queries are in a share, `on_change` is told of every change, `now` gives seconds since 1970, and
        `keep_every` are seconds between two writes.
        """
        self._settings = settings
        self._sources = tuple(
            source
            for source, used in (
                (Source.PROBES, settings.probes is not None),
                (Source.REFERENCE, rank is not None),
                (Source.PREFERENCE, preference),
            )
            if used
        )
        self._terms = Terms(settings.min_lift, 1 - settings.confidence)
        self._on_change = on_change
        self._now = now
        self._probes = Probes()
        self._reference = rank and Reference(rank, seconds=settings.reference_s, found=self._found)
        self._shares = Shares(secret)
        self._cases = Cases(self._sources, self._terms)
        self._off: frozenset[tuple[str, str]] = frozenset()
        self._file = None if settings.file is None else EvidenceFile(Path(settings.file))
        self._keep_every = keep_every
        self._changed = False
        self._tasks = Tasks()

    async def start(self, former: HarmGuard | None = None) -> None:
        """Read probes and what is kept, unless `former` is still at it, whom this will `succeed`.

        Raises:
            BadConfig: the probes are wrong.
        """
        if self._settings.probes is not None:
            self._probes = await asyncio.to_thread(read_probes, Path(self._settings.probes))
        if self._file is None or (former is not None and self._goes_on_from(former)):
            return
        lines = await asyncio.to_thread(self._file.read)
        if damaged := self._cases.restore(lines, self._now()):
            _log.warning("evidence is damaged in part", extra={"dropped": damaged})
        self._switch()
        self._tasks.spawn(self._keep_on(self._file), "keep evidence")

    async def succeed(self, former: HarmGuard) -> None:
        """Go on from what another has found out, if it is kept in the same place; it keeps nothing any more.

        What sources that this guard does not have were told is dropped.
        """
        if not self._goes_on_from(former):
            return
        await former._tasks.close()
        # The file itself goes over: a write of his that is under way still comes before the next one.
        self._file, former._file = former._file, None
        for line in former._cases.lines():
            self._cases.restore([line], self._now())
            await asyncio.sleep(0)  # each takes some milliseconds
        self._switch()
        if self._file is not None:
            self._changed = True
            self._tasks.spawn(self._keep_on(self._file), "keep evidence")

    def _goes_on_from(self, former: HarmGuard) -> bool:
        return self._settings.file == former._settings.file

    async def close(self) -> None:
        """Write down what isn't yet."""
        if self._reference is not None:
            await self._reference.close()
        await self._tasks.close()
        if self._file is not None:
            await self._keep(self._file)

    def off(self, store: str, collection: str) -> bool:
        """Say whether a collection is switched off."""
        return (store, collection) in self._off

    def rechecks(self, query: str) -> bool:
        """Say whether a search of a switched-off collection should be ranked behind its answer.

        Probes always are: they are few, and what switches it on again. Of other queries a stable share is,
        the one from which the reference model's share is taken.
        """
        share = self._settings.recheck_share
        return query in self._probes or self._shares.hold(query_number(query), share)

    def tell(self, observation: Observation) -> None:
        """Take note of a ranked search."""
        relevant = self._probes.relevant(observation.query, observation.collection)
        if relevant is None and self._reference is None:
            return
        key, number = (observation.store, observation.collection), query_number(observation.query)
        if relevant is not None and self._wants(key, Source.PROBES, number):
            value = lift(observation, relevant)
            if value is not None:
                self._add(key, Source.PROBES, value, number)
        reference = self._reference
        if reference is None or not self._shares.hold(number, self._settings.reference_share):
            return
        if self._wants(key, Source.REFERENCE, number):
            reference.look(observation)

    def prefer(self, store: str, collection: str, value: float, query: int) -> None:
        """Take note of what was preferred where both orders were shown: from -1, the store's, to 1.

        `query` is its number, see `query_number`; each counts once.
        """
        key = (store, collection)
        if Source.PREFERENCE in self._sources and self._wants(key, Source.PREFERENCE, query):
            self._add(key, Source.PREFERENCE, value, query)

    def reset(self, store: str, collection: str) -> bool:
        """Forget all about a collection, as if it were new; False if nothing is known of it."""
        case = self._cases.forget((store, collection))
        if case is None:
            return False
        self._changed = True
        _log.info("evidence is reset", extra={"store": store, "collection": collection})
        if case.alarm is not None:
            self._switch()
            self._on_change(Change(store, collection, "on", "operator"))
        return True

    def evidence(self) -> Iterator[tuple[tuple[str, str], dict[str, object]]]:
        """Yield all that is known of every collection, for people: JSON with sentences.

        A step takes up to some milliseconds, like one of `figures`: others get their turn between them.
        """
        for (store, collection), case in sorted(self._cases.known()):
            told = statement(case, self._terms, self._settings.auto_off)
            yield (store, collection), {"store": store, "collection": collection, **told}

    def figures(self) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
        """Yield `state_alarm` and `state_off` (0 or 1) of every collection, and its sources' estimates."""
        for key, case in self._cases.known():
            told = {"state_alarm": float(case.alarm is not None), "state_off": float(key in self._off)}
            for source, found in case.estimates().items():
                told |= {f"{source.value}_{name}": value for name, value in asdict(found).items()}
            yield key, told

    def summary(self) -> dict[str, object]:
        """Return what is known beside the collections, as JSON can hold it."""
        settings = self._settings
        return {
            "min_lift": settings.min_lift,
            "confidence": settings.confidence,
            "auto_off": settings.auto_off,
            "sources": [*self._sources],
            "probes": len(self._probes),
            "reference": self.totals(),
            "refused": self._cases.refused,
        }

    def totals(self) -> dict[str, int]:
        """Count what the reference model looked at, what was let go, and what it had no opinion of."""
        return {} if self._reference is None else self._reference.totals()

    def _wants(self, key: tuple[str, str], source: Source, number: int) -> bool:
        case = self._cases.get(key)
        return case is None or case.wants(source, number, self._now())

    def _found(self, observation: Observation, value: float) -> None:
        key = (observation.store, observation.collection)
        self._add(key, Source.REFERENCE, value, query_number(observation.query))

    def _add(self, key: tuple[str, str], source: Source, value: float, query: int) -> None:
        now = self._now()
        case = self._cases.hear(key, now)
        if case is None:
            return
        step = case.add(source, value, query, now)
        self._changed = True
        if step is not None:
            self._switch()
            self._tell_of(key, step)

    def _switch(self) -> None:
        self._off = self._cases.alarmed() if self._settings.auto_off else frozenset()

    def _tell_of(self, key: tuple[str, str], step: Step) -> None:
        event: Literal["alarm", "off", "on"] = "on"
        message, level = "reranking does good again", logging.INFO
        if step.kind == "raised":
            event = "off" if self._settings.auto_off else "alarm"
            message, level = "reranking does harm", logging.WARNING
        found = step.estimate
        change = Change(*key, event, step.source.value, found.mean, found.low, found.high, found.count)
        _log.log(level, message, extra=asdict(change))
        self._on_change(change)

    # --- what is kept ---------------------------------------------------------------------------

    async def _keep_on(self, file: EvidenceFile) -> None:
        while True:
            await asyncio.sleep(self._keep_every)
            await self._keep(file)

    async def _keep(self, file: EvidenceFile) -> None:
        if not self._changed:
            return
        self._changed, kept = False, False
        try:
            lines = []
            for line in self._cases.lines():
                lines.append(line)
                # Searches don't wait for all of them.
                await asyncio.sleep(0)
            kept = await asyncio.to_thread(file.write, lines)
        finally:
            self._changed = self._changed or not kept
