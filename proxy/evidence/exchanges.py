"""What was shown to whom: remembered for a while, so that feedback can be held against it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from proxy.evidence.shown import shown_search

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.evidence.experiments import Arm
    from proxy.evidence.shown import ShownSearch
    from proxy.observation import Observation

Signal = Literal["used", "clicked", "cited"]

# Of a batch with more, feedback on the others is feedback on unknown ids.
MAX_SEARCHES = 32
# In all. An exchange of ten rows takes about 2.5 KB (measured), so the count is what usually bounds.
MAX_BYTES = 64 * 1024 * 1024
# Found under one trace: an agent's searches, or a client that says the same trace for ever.
MAX_PER_TRACE = 32

_BYTES, _SEARCH_BYTES, _ROW_BYTES = 700, 350, 150
# Expired ones that go with every new one: two would do to keep up, and many at once hold the event loop.
_EXPIRED_AT_ONCE = 8


@dataclass(slots=True)
class Exchange:
    """One answer, and the searches of its call; `arm` is the side of a caller in an A/B test.

    Of an answer in an A/B test no rows are kept: those of the side that is not reranked are not known, and
    both are judged alike. `said` is the best that was said of the answer so far. `until` is when its time is
    over, by the clock of `Exchanges`.
    """

    id: str
    trace: str
    store: str
    collection: str
    until: float
    arm: Arm | None = None
    searches: list[ShownSearch] = field(default_factory=list)
    said: Signal | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        rows = sum(len(search.rows) for search in self.searches)
        return _BYTES + len(self.collection) + _SEARCH_BYTES * len(self.searches) + _ROW_BYTES * rows


class Exchanges:
    """The last exchanges, by their ids and traces; bounded in time, count and bytes."""

    def __init__(
        self,
        *,
        most: int,
        seconds: float,
        clock: Callable[[], float],
        forgotten: Callable[[Exchange, bool], None],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Take the bounds, a clock in seconds, and who is told of what is forgotten.

        `forgotten` is told of exchanges in the order in which they were shown, and whether it is early.
        """
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._forgotten = forgotten
        self._max_bytes = max_bytes
        self._exchanges: OrderedDict[str, Exchange] = OrderedDict()
        self._traces: dict[str, list[str]] = {}
        self._bytes = 0
        self._early = 0

    def tell(self, seen: Observation) -> None:
        """Remember the rows of a search; those of one call, which share an exchange, are put together."""
        if not seen.exchange:
            return
        exchange = self._exchanges.get(seen.exchange)
        if exchange is None:
            exchange = self._new(seen.exchange, seen.trace, seen.store, seen.collection)
        if exchange.arm is not None or len(exchange.searches) >= MAX_SEARCHES:
            return
        self._bytes -= exchange.size
        exchange.searches.append(shown_search(seen))
        self._bytes += exchange.size
        self._make_room()

    def tell_arm(self, exchange: str, trace: str, store: str, collection: str, arm: Arm) -> None:
        """Remember an exchange of a caller who is on a side, in place of its rows if those are remembered."""
        self.discard(exchange)
        self._new(exchange, trace, store, collection, arm)
        self._make_room()

    def discard(self, exchange: str) -> None:
        """Forget an exchange, as if it had never been told of; nobody is told."""
        if exchange in self._exchanges:
            self._remove(exchange)

    def find(self, *, exchange: str = "", trace: str = "") -> list[Exchange]:
        """Return the exchange of this id, or those of this trace: none where they are unknown or expired."""
        now = self._clock()
        found = (
            self._exchanges.get(one) for one in ([exchange] if exchange else self._traces.get(trace, ()))
        )
        return [one for one in found if one is not None and one.until > now]

    def expire(self, most: int = _EXPIRED_AT_ONCE) -> None:
        """Forget those whose time is over, the oldest first, so many at most."""
        now = self._clock()
        for _ in range(most):
            if not self._exchanges or next(iter(self._exchanges.values())).until > now:
                break
            self._forget()

    def forget_all(self) -> None:
        """Forget everything, and tell so."""
        while self._exchanges:
            self._forget()

    def figures(self) -> dict[str, float]:
        """Return how much is remembered, and how many were forgotten before their time, for want of room."""
        return {
            "remembered": len(self._exchanges),
            "remembered_bytes": self._bytes,
            "forgotten_early": self._early,
        }

    def _new(self, name: str, trace: str, store: str, collection: str, arm: Arm | None = None) -> Exchange:
        exchange = Exchange(name, trace, store, collection, self._clock() + self._seconds, arm)
        self._exchanges[name] = exchange
        self._bytes += exchange.size
        if trace:
            alike = self._traces.setdefault(trace, [])
            alike.append(name)
            del alike[:-MAX_PER_TRACE]
        return exchange

    def _make_room(self) -> None:
        self.expire()
        # The newest stays: its rows are bounded.
        while len(self._exchanges) > 1 and (
            len(self._exchanges) > self._most or self._bytes > self._max_bytes
        ):
            self._early += self._forget()

    def _forget(self) -> bool:
        """Forget the oldest; return whether its time wasn't over."""
        exchange = self._remove(next(iter(self._exchanges)))
        early = exchange.until > self._clock()
        self._forgotten(exchange, early)
        return early

    def _remove(self, name: str) -> Exchange:
        exchange = self._exchanges.pop(name)
        self._bytes -= exchange.size
        alike = self._traces.get(exchange.trace)
        if alike is not None and name in alike:
            alike.remove(name)
            if not alike:
                del self._traces[exchange.trace]
        return exchange
