"""What applications say of answers, and what follows from it: every answer is judged once.

1. Rows that were `used` or `clicked` judge an answer at once, and count 1.
2. Rows that were `cited` by the application's own answer count less, and only where nothing better was
   posted: that is known when the exchange is forgotten, so they are held until then.
3. A search drawn from two orders speaks for the order to which more of the rows belong. Answers to one query
   share their coins for an hour: the first that speaks for one order counts, the others are `repeated`. Of a
   batch each search speaks for itself: together they would be a new draft in every new company.
4. An answer of an `ab` was of use if any row is said to be, whichever: on the side that isn't reranked nobody
   knows the rows, and both sides are judged alike. One about which nothing is said was of no use. Both count
   when the time of the answer is over, in the order shown: success is posted at once and silence takes an
   hour, so there would first be nothing but success. Those forgotten early are left out, whatever was said.
5. Of other answers it is told at which places the rows were that people used, which is not evidence: they
   look at the top first, whatever is there.

Ids that were not shown are counted and passed over. Whoever posts can't tell unknown exchanges from expired
ones.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from proxy.evidence.exchanges import Exchanges
from proxy.evidence.experiments import COINS_LAST
from proxy.evidence.once import Once
from proxy.evidence.results import AllResults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proxy import policy_evidence
    from proxy.evidence.exchanges import Exchange, Signal
    from proxy.evidence.experiments import Arm
    from proxy.evidence.posts import Post
    from proxy.evidence.shown import Row, ShownSearch
    from proxy.observation import Observation

# Drafts that have counted of late, in all collections.
MAX_DRAFTS = 100_000
# Answers whose time is over are judged as others come, and so many when somebody looks: some milliseconds.
_JUDGED_AT_A_LOOK = 64

Word = Literal["taken", "already_counted", "not_shown", "unknown"]
# Of the exchanges of one trace the best word is answered.
_BEST_FIRST: tuple[Word, ...] = ("taken", "already_counted", "not_shown", "unknown")


class Judged(NamedTuple):
    """What came of an answer, or of one search of a batch.

    `value` is, of an `interleave`, whom it speaks for: -1 the store's order, 1 the reranked one, 0 neither;
    a citation weighs less. Of an `ab` and a `plain` one it is how much the answer was of use, from 0 to 1.
    `arm` is the side of an `ab`. Without a `signal` nothing was said, which tells of an `ab` alone. `query`
    is the number of the query whose draft has spoken, 0 where nothing was drawn.
    """

    store: str
    collection: str
    exchange: str
    kind: Literal["interleave", "ab", "plain"]
    arm: Literal["control", "treatment"] | None
    value: float
    signal: Signal | None
    query: int = 0


class Heard(NamedTuple):
    """How a post was taken, and how many of its ids were in none of the answers."""

    word: Word
    unknown_ids: int


class Feedback:
    """Remembers what was shown, hears what was of use, and keeps the results of every collection."""

    def __init__(
        self,
        settings: policy_evidence.Feedback,
        *,
        clock: Callable[[], float],
        judged: Callable[[Judged], None] = lambda _: None,
    ) -> None:
        """Take the policy's part, a clock in seconds, and who is told of every answer that counts."""
        self._cited_weight = settings.cited_weight
        self._clock = clock
        self._judged = judged
        self._exchanges = Exchanges(
            most=settings.remember, seconds=settings.remember_s, clock=clock, forgotten=self._forgotten
        )
        # From the first of a query's answers with the same coins to the last word on one of them.
        self._drafts = Once(COINS_LAST + settings.remember_s, MAX_DRAFTS)
        self._results = AllResults()
        self._totals: Counter[str] = Counter()

    def tell(self, seen: Observation) -> None:
        """Remember what was shown of a search."""
        self._exchanges.tell(seen)

    def tell_arm(self, exchange: str, trace: str, store: str, collection: str, arm: Arm) -> None:
        """Take note that a caller on a side was answered; of every search that could have been reranked.

        Answers that don't count are forgotten at once, so that they don't make those forgotten that do.
        """
        if self._results.of(store, collection).trial.begin(arm):
            self._exchanges.tell_arm(exchange, trace, store, collection, arm)
        else:
            self._exchanges.discard(exchange)

    def hear(self, post: Post) -> Iterator[Heard]:
        """Take in what was said, step by step; the last value is what has come of all of it.

        To be gone through to the end. A step is about one search and takes some 0.1 ms; whatever is told in
        between does no harm.
        """
        missing, words = set(map(hash, post.ids)), set[Word]()
        for word in self._words(post, missing):
            if words:
                yield _heard(words, missing)
            words.add(word)
        heard = _heard(words, missing)
        self._totals[heard.word] += 1
        self._totals["unknown_ids"] += heard.unknown_ids
        yield heard

    def close(self) -> None:
        """Forget what was shown. Citations that are held count; an `ab` whose time isn't over does not."""
        self._exchanges.forget_all()

    def figures(self) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
        """Yield numbers by store and collection; a step takes up to some milliseconds."""
        self._exchanges.expire(_JUDGED_AT_A_LOOK)
        for place, one in self._results.all():
            yield place, one.figures()

    def evidence(self) -> Iterator[tuple[tuple[str, str], dict[str, object]]]:
        """Yield the same, and what it proves in sentences, as JSON can hold it."""
        self._exchanges.expire(_JUDGED_AT_A_LOOK)
        for place, one in self._results.all():
            yield place, one.evidence()

    def summary(self) -> dict[str, object]:
        """Return what is not by collection, as JSON can hold it."""
        return {**self.totals()}

    def totals(self) -> dict[str, float]:
        """Return how posts were taken, and how much is remembered."""
        told = {word: self._totals[word] for word in (*_BEST_FIRST, "unknown_ids")}
        return {**told, **self._exchanges.figures()}

    def _words(self, post: Post, missing: set[int]) -> Iterator[Word]:
        """Yield what comes of every answer that is spoken of; ids that one has shown leave `missing`."""
        ids = frozenset(missing)
        for exchange in self._exchanges.find(exchange=post.exchange, trace=post.trace):
            if exchange.arm is not None:
                missing.clear()  # whatever was shown
                yield _take_arm(exchange, post.signal)
                continue
            for search in exchange.searches:
                missing.difference_update(search.rows.keys() & missing)
            yield from self._take(exchange, post.signal, ids)

    def _take(self, exchange: Exchange, signal: Signal | None, ids: frozenset[int]) -> Iterator[Word]:
        if signal is None or _is_said(exchange, signal):
            yield "already_counted" if exchange.said else "taken"
            return
        found = [(search, rows) for search in exchange.searches if (rows := search.find(ids))]
        if not found:
            yield "not_shown"
            return
        exchange.said = signal
        for search, rows in found:
            value = _sign(rows) if search.drawn else 1
            if signal == "cited":
                search.cited = value
            else:
                if not search.drawn:
                    places = self._results.of(exchange.store, exchange.collection).places
                    places.add(rows, search.shown_reranked)
                self._judge(exchange, search, value, signal)
            yield "taken"

    def _forgotten(self, exchange: Exchange, early: bool) -> None:
        if exchange.arm is not None:
            self._judge_arm(exchange, exchange.arm, early)
        elif exchange.said == "cited":
            for search in exchange.searches:
                if search.cited is not None:
                    self._judge(exchange, search, search.cited, "cited")

    def _judge_arm(self, exchange: Exchange, arm: Arm, early: bool) -> None:
        trial = self._results.of(exchange.store, exchange.collection).trial
        if early:
            trial.leave_out()
            return
        success = 0.0 if exchange.said is None else self._weight(exchange.said)
        trial.add(arm, success)
        told = (exchange.store, exchange.collection, exchange.id)
        self._judged(Judged(*told, "ab", arm.name, success, exchange.said))

    def _judge(self, exchange: Exchange, search: ShownSearch, value: int, signal: Signal) -> None:
        weight = self._weight(signal)
        if search.drawn:
            preferences = self._results.of(exchange.store, exchange.collection).preferences
            # One that speaks for neither order leaves it to the next to speak.
            if value and not self._drafts.counts(search.draft, self._clock()):
                preferences.repeated += 1
                return
            preferences.add(value, weight, signal)
        kind: Literal["interleave", "plain"] = "interleave" if search.drawn else "plain"
        told = (exchange.store, exchange.collection, exchange.id)
        self._judged(Judged(*told, kind, None, value * weight, signal, search.query))

    def _weight(self, signal: Signal) -> float:
        return self._cited_weight if signal == "cited" else 1.0


def _take_arm(exchange: Exchange, signal: Signal | None) -> Word:
    """Hold what is said of an answer until its time is over."""
    if _is_said(exchange, signal):
        return "already_counted"
    exchange.said = signal or exchange.said
    return "taken"


def _is_said(exchange: Exchange, signal: Signal | None) -> bool:
    """Say whether something as good has been said of an answer before."""
    return exchange.said is not None and (exchange.said != "cited" or signal == "cited")


def _heard(words: set[Word], missing: set[int]) -> Heard:
    word: Word = next((word for word in _BEST_FIRST if word in words), "unknown")
    return Heard(word, len(missing) if word in ("taken", "not_shown") else 0)


def _sign(rows: Sequence[Row]) -> int:
    """Return for whom most of the rows speak, see `Row`."""
    credit = sum(row.credit for row in rows)
    return (credit > 0) - (credit < 0)
