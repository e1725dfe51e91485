"""The URLs of one API: who is the least busy, who wants to be left alone, and who fails more than the others.

An endpoint that said "not now" is not asked until then. One that fails is ejected for a while that grows, and
is on probation afterwards: it gets the copy of a call, and then of another, until one has worked. Ejection
only prefers the others: where there are none, as with a single URL, it is asked all the same. To give up on
all of an API is up to its breaker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.model import Reason
from proxy.scoring.remote.http import RemoteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

# Failures in a row that eject, and the share of the last calls, if there were enough.
_IN_A_ROW = 3
_LAST, _ENOUGH, _SHARE = 20, 10, 0.5
# Seconds of the first ejection, and of the longest; they double.
_FIRST, _LONGEST = 1.0, 60.0
# Seconds for which one is left alone that has refused twice in a row, and did not say for how long; they
# double too. Once is no more than a moment in which there was too much to do.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


@dataclass(eq=False, slots=True)
class Endpoint:
    """One URL, and what is known of it. Moments are those of the clock of `Endpoints`."""

    url: str
    under_way: int = 0
    asked: int = 0  # when it was asked last, as the number of that call
    rests_until: float = 0.0
    told_until: float = 0.0  # as `rests_until`, but only where it has named the time itself
    ejected_until: float = 0.0
    on_probation: bool = False
    _pause: float | None = None
    _paused_at: float = 0.0
    _ejection: float = 0.0
    _in_a_row: int = 0
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=_LAST))

    def worked(self, now: float) -> None:
        """Take in that it has answered."""
        self._in_a_row = 0
        self._pause = None
        self._last.append(True)
        self.on_probation = False
        # Who has worked for as long as it was gone starts anew.
        if now - self.ejected_until > self._ejection:
            self._ejection = 0.0

    def failed(self, now: float) -> None:
        """Take in that it has not, or only nonsense, or an error of its own."""
        if now < self.ejected_until:
            return  # calls that began before
        self._in_a_row += 1
        self._last.append(False)
        often = len(self._last) >= _ENOUGH and self._last.count(False) >= _SHARE * len(self._last)
        if self.on_probation or self._in_a_row >= _IN_A_ROW or often:
            self._ejection = min(_LONGEST, 2 * self._ejection or _FIRST)
            self.ejected_until = now + self._ejection
            self.on_probation = True
            self._in_a_row = 0
            self._last.clear()

    def leave_alone(self, now: float, seconds: float | None, *, began: float) -> None:
        """Take in that it refused a call that `began` then, and for how many seconds if it said so."""
        if seconds is not None:
            self.told_until = max(self.told_until, now + seconds)
            self.rests_until = max(self.rests_until, self.told_until)
        elif began >= self._paused_at:  # else of the same burst as the one before
            self._pause = 0.0 if self._pause is None else min(_LONGEST_PAUSE, 2 * self._pause or _PAUSE)
            self._paused_at = now
            self.rests_until = max(self.rests_until, now + self._pause)

    def is_well(self, now: float) -> bool:
        """Say whether it should be preferred to those that fail."""
        return now >= self.ejected_until and not self.on_probation


class Endpoints:
    """All URLs of an API; at least one. `clock` gives seconds, from any start."""

    def __init__(self, urls: Sequence[str], clock: Callable[[], float]) -> None:
        self._all = tuple(map(Endpoint, urls))
        self._clock = clock
        self._calls = 0

    def pick(self, tried: Collection[Endpoint] = ()) -> Endpoint:
        """Return the one to ask: one that works and was not `tried` if possible, the least busy of those.

        Raises:
            RemoteFailed: all want to be left alone; `retry_after` says for how long, if they did.
        """
        now = self._clock()
        awake = [one for one in self._all if one.rests_until <= now]
        if not awake:
            raise RemoteFailed(Reason.RATE_LIMITED, retry_after=self.named_rest)
        well = [one for one in awake if one.is_well(now)] or awake
        fresh = [one for one in well if one not in tried] or well
        best = min(fresh, key=lambda one: (one.under_way, one.asked))
        self._calls += 1
        best.asked = self._calls
        return best

    def to_probe(self) -> Endpoint | None:
        """Return one that may work again, if there is any, and others that do: for the copy of a call."""
        now = self._clock()
        awake = [one for one in self._all if one.rests_until <= now]
        if not any(one.is_well(now) for one in awake):
            return None
        back = (one for one in awake if one.on_probation and now >= one.ejected_until)
        return next(back, None)

    @property
    def named_rest(self) -> float | None:
        """The seconds until the first may be asked, if all have named a time; None if we guess."""
        seconds = min(one.told_until for one in self._all) - self._clock()
        return seconds if seconds > 0 else None

    @property
    def rest(self) -> float:
        """The seconds until the first of them may be asked; 0.0 if one may be now."""
        return max(0.0, min(one.rests_until for one in self._all) - self._clock())

    @property
    def ejected(self) -> int:
        """How many are ejected."""
        now = self._clock()
        return sum(one.ejected_until > now for one in self._all)

    def __len__(self) -> int:
        """Count all of them."""
        return len(self._all)
