"""What has become of the searches of the last minutes: counts and added times, for who asks the process.

A dashboard has a metric's whole history; at three in the morning there may be none. So a quarter of an hour
is kept here, in slots of ten seconds: some kilobytes for a store, whatever comes in.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proxy.model import Outcome, Reason, Verdict

# Seconds of a slot, and how many are kept.
_SLOT, _SLOTS = 10.0, 90
# Added times are told apart by steps of 15 %, from a tenth of a millisecond to two minutes: at most 7 % off.
_SHORTEST, _STEP, _LONGEST = 0.0001, math.log(1.15), 120.0
_PERCENTILES = (50, 95, 99)


class Tally(NamedTuple):
    """The searches of one store within some minutes, by outcome and reason, the most frequent ones first.

    `added` are percentiles of the seconds that midrank added, by their number; empty where none was timed.
    """

    outcomes: tuple[tuple[Outcome, Reason | None, int], ...]
    added: dict[int, float]

    @property
    def searches(self) -> int:
        """How many there were."""
        return sum(count for _, _, count in self.outcomes)


class _Slot:
    __slots__ = ("added", "number", "outcomes")

    def __init__(self, number: int) -> None:
        self.number = number
        self.outcomes: Counter[tuple[str, Outcome, Reason | None]] = Counter()
        self.added: Counter[tuple[str, int]] = Counter()


class Recent:
    """Counts the searches of the last quarter of an hour. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)

    def note(self, store: str, verdict: Verdict, added: float | None) -> None:
        """Count a search, and the seconds added to it if it was not just passed on."""
        number = int(self._clock() // _SLOT)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        slot.outcomes[store, verdict.outcome, verdict.reason] += 1
        if added is not None:
            slot.added[store, _bucket(added)] += 1

    def within(self, seconds: float) -> dict[str, Tally]:
        """Return the tallies of so many seconds, and of the slot that has begun, by store."""
        first = int(self._clock() // _SLOT) - math.ceil(seconds / _SLOT)
        outcomes: Counter[tuple[str, Outcome, Reason | None]] = Counter()
        added: Counter[tuple[str, int]] = Counter()
        for slot in self._slots:
            if slot.number >= first:
                outcomes.update(slot.outcomes)
                added.update(slot.added)
        return {
            store: Tally(
                tuple(
                    (outcome, reason, count)
                    for (of, outcome, reason), count in outcomes.most_common()
                    if of == store
                ),
                _percentiles((bucket, count) for (of, bucket), count in added.items() if of == store),
            )
            for store in sorted({of for of, _, _ in outcomes})
        }


def _bucket(seconds: float) -> int:
    return round(math.log(min(max(seconds, _SHORTEST), _LONGEST) / _SHORTEST) / _STEP)


def _percentiles(buckets: Iterable[tuple[int, int]]) -> dict[int, float]:
    ordered = sorted(buckets)
    total = sum(count for _, count in ordered)
    found: dict[int, float] = {}
    seen = 0
    for bucket, count in ordered:
        seen += count
        for percentile in _PERCENTILES:
            if percentile not in found and seen >= total * percentile / 100:
                found[percentile] = _SHORTEST * math.exp(bucket * _STEP)
    return found
