"""Whether a model is worth asking: one that fails too often, or is late too often, is left alone for a while.

    closed     every job is passed on, and how it went is recorded
    open       no job is passed on, until a pause has passed
    half open  no job is passed on; one probe decides: back to closed, or open again, for longer

All of it is plain decisions; what passes jobs on, and runs the probes, is `Guarded`.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

# Calls that are judged at most: with more in the window the newest ones say it all.
MAX_CALLS = 256
# Seconds for which a model is left alone at most because it asked for that: a wrong header is no farewell.
_LONGEST_WISH = 3600.0


class State(IntEnum):
    """What a breaker does; the number is its figure in the metrics."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Call(Enum):
    """How a call went; one that says nothing about the model is `VOID`."""

    GOOD = "good"
    FAILED = "failed"
    SLOW = "slow"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When to open, and for how long; times in seconds. Without `slow_rate` it never opens for slow calls.

    It opens once that share of the calls of the `window` has failed, or was slow, of `min_calls` or more. A
    call that takes longer than `slow_seconds` is slow even if it had scores, given a `slow_rate`.
    """

    failure_rate: float = 0.5
    slow_rate: float | None = None
    slow_seconds: float | None = None
    window: float = 30.0
    min_calls: int = 5
    first_pause: float = 2.0
    longest_pause: float = 60.0


class _Recorded(NamedTuple):
    at: float
    call: Call


class Breaker:
    """Closed at first. Pure: `clock` gives seconds, from any start, and `chance` a number of [0, 1).

    Pauses double with each probe that fails, unless it says when to come again. They are short again once it
    was closed for as long as the longest pause: a model that works for a few calls at a time is not well.
    """

    def __init__(
        self, rules: BreakerRules, *, clock: Callable[[], float], chance: Callable[[], float] = random.random
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._chance = chance
        self._calls: deque[_Recorded] = deque()
        self._counts: Counter[Call] = Counter()
        self._pause = rules.first_pause
        self._closed_at = clock()
        self._open_until: float | None = None
        self._probing = False
        self.openings = 0

    @property
    def state(self) -> State:
        """What it does now."""
        if self._open_until is None:
            return State.CLOSED
        return State.OPEN if self._clock() < self._open_until else State.HALF_OPEN

    @property
    def pause_left(self) -> float:
        """Return the seconds until a probe may be sent; 0 if it may, or needs not."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())

    def record(self, call: Call, retry_after: float | None = None, *, epoch: int | None = None) -> bool:
        """Take in how a call went; say whether that opened it. Only while closed: later ones are old news.

        `retry_after` are the seconds for which the model wants to be left alone: that opens it at once.
        `epoch` is what `openings` was when the call began: one that began before it opened is old news even
        after it has closed again.
        """
        outdated = epoch is not None and epoch != self.openings
        if self._open_until is not None or outdated or call is Call.VOID:
            return False
        now = self._clock()
        self._calls.append(_Recorded(now, call))
        self._counts[call] += 1
        while len(self._calls) > MAX_CALLS or self._calls[0].at < now - self._rules.window:
            self._counts[self._calls.popleft().call] -= 1
        if retry_after is None and not self._too_bad():
            return False
        if now - self._closed_at >= self._rules.longest_pause:
            self._pause = self._rules.first_pause
        self.openings += 1
        self._open(retry_after)
        return True

    def begin_probe(self) -> bool:
        """Say whether a probe is to be sent now; `probed` must follow then."""
        if self._probing or self.state is not State.HALF_OPEN:
            return False
        self._probing = True
        return True

    def probed(self, call: Call, retry_after: float | None = None) -> None:
        """Take in how the probe went; one that is void is sent again, after a pause that is no longer."""
        self._probing = False
        match call:
            case Call.GOOD:
                self._open_until = None
                self._closed_at = self._clock()
                self._calls.clear()
                self._counts.clear()
            case Call.VOID:
                self._open(retry_after, longer=False)
            case Call.FAILED | Call.SLOW:
                self._open(retry_after)

    def _too_bad(self) -> bool:
        calls = len(self._calls)
        if calls < self._rules.min_calls:
            return False
        rates = ((Call.FAILED, self._rules.failure_rate), (Call.SLOW, self._rules.slow_rate))
        return any(rate is not None and self._counts[call] >= rate * calls for call, rate in rates)

    def _open(self, wish: float | None, *, longer: bool = True) -> None:
        """Begin a pause: the one that is wished for, or half of a span, and up to the whole of it.

        So replicas don't probe together, not even those that were all told the same time.
        """
        if wish is not None:
            pause = min(wish, _LONGEST_WISH) + self._jittered(self._rules.first_pause)
        else:
            pause = self._jittered(self._pause)
            if longer:
                self._pause = min(2 * self._pause, self._rules.longest_pause)
        self._open_until = self._clock() + pause

    def _jittered(self, span: float) -> float:
        return span * (1 + self._chance()) / 2
