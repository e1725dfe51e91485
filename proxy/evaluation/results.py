"""What an evaluation has found: the values that tables, files and pages are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.model import Reason
from proxy.stats.latency import percentiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.stats.latency import Latency

# How the outcome of a request without a usable answer is called; the other outcomes are midrank's own.
FAILED = "failed"
# Outcomes in which something stood in another order than the store's.
_RERANKED = frozenset(("reranked", "partial", "cached"))
# Reasons for passing a search that are a lack of time, as those for falling back are.
_TOO_LATE = frozenset((Reason.NO_BUDGET, Reason.OVERLOADED))
# The measure that a verdict goes by, and how many rows it goes by.
LIFT = "NDCG@5"
LIFT_ROWS = 5
# With fewer queries two systems too often compare the other way round with the next ones. (Buckley &
# Voorhees, "Evaluating evaluation measure stability", SIGIR 2000: 25 at least, 50 are better.)
FEWEST_QUERIES = 25


class Asked(NamedTuple):
    """One question and its answer; times are in seconds.

    `ids` are the documents of the page, best first, each once. `total` is what the caller waited, `store`
    what the store took of it, and `added` what midrank did: 0 where the store was asked directly. `outcome`
    is midrank's word (`reranked`, `partial`, `cached`, `passed`, `fallback`), `failed`, or empty where the
    store answered directly; `reason` says why it is none of the first ones. `ndcg5` is 0 for a request that
    failed.
    """

    query: str
    ids: tuple[str, ...]
    total: float
    store: float
    added: float
    outcome: str = ""
    reason: str = ""
    scored: int = 0
    candidates: int = 0
    ndcg5: float = 0.0


class Difference(NamedTuple):
    """A measure with a policy, minus that of the store alone.

    `low` and `high` are the ends of the 95 % interval of the `mean` (paired bootstrap), `p` is the chance of
    a mean so far from 0 if it made no difference (paired randomisation, two-sided); and for how many queries
    the policy is better, equal and worse.
    """

    mean: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int


class Met(NamedTuple):
    """How many searches ended with an outcome and a reason, and which share of all that is, from 0 to 1."""

    outcome: str
    reason: str
    searches: int
    share: float


class Rates(NamedTuple):
    """Shares of the requests, from 0 to 1, by what came of them; what is left was reranked in full.

    What was passed for lack of time counts as `fallback`: it is as bad, and not for what was asked.
    """

    failed: float
    fallback: float
    partial: float
    passed: float


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to ask: the store alone, or a policy's midrank in front of it.

    `policy` is the file, None for the store alone and for a policy of defaults. `measures` are means over the
    queries, by name (`NDCG@5`, `MRR@10`, ...); `compared` has a difference to the store alone for each, and
    is empty for the store itself. `asked` has the queries in the order of the judged ones. `models` are the
    names of those that may rank, best first, and `budget` the seconds that midrank may add, if it is known.
    """

    name: str
    policy: str | None
    asked: tuple[Asked, ...]
    measures: Mapping[str, float]
    compared: Mapping[str, Difference]
    models: tuple[str, ...] = ()
    budget: float | None = None

    @property
    def lift(self) -> Difference:
        """The difference that a verdict goes by: that of NDCG@5; not for the store alone."""
        return self.compared[LIFT]

    @property
    def store(self) -> Latency:
        """How long the store took."""
        return percentiles([one.store for one in self._answered])

    @property
    def added(self) -> Latency:
        """How much midrank added."""
        return percentiles([one.added for one in self._answered])

    @property
    def total(self) -> Latency:
        """How long the caller waited."""
        return percentiles([one.total for one in self._answered])

    @property
    def rates(self) -> Rates:
        """What came of the requests."""
        outcomes = [
            "fallback" if one.reason in _TOO_LATE and one.outcome == "passed" else one.outcome
            for one in self.asked
        ]
        return Rates(*(outcomes.count(name) / len(outcomes) for name in Rates._fields))

    @property
    def met(self) -> tuple[Met, ...]:
        """What came of the requests and why, the most frequent first."""
        counts = Counter((one.outcome, one.reason) for one in self.asked).most_common()
        return tuple(Met(*one, count, count / len(self.asked)) for one, count in counts)

    @property
    def reranks(self) -> bool:
        """Whether a single answer was reranked at all."""
        return any(one.outcome in _RERANKED for one in self.asked)

    @property
    def is_sure(self) -> bool:
        """Whether there are enough queries for an interval to mean anything."""
        return len(self.asked) >= FEWEST_QUERIES

    @property
    def scored(self) -> float:
        """The share of a search's candidates that a model has read, from 0 to 1, on average."""
        shares = [one.scored / one.candidates for one in self.asked if one.candidates]
        return sum(shares) / len(self.asked)

    @property
    def _answered(self) -> Sequence[Asked]:
        return [one for one in self.asked if one.outcome != FAILED]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Judged questions, asked in several ways; the first arm is the store alone.

    `data` names what was asked, `live` is whether the store is the policy's own, not an index built on the
    spot. Answers have `k` rows. `recall` is the mean share of a query's relevant documents among the first
    `window` that the store finds: what no order of them can exceed; requests for them that `unfound` counts
    failed, and of the `found` rows those that `nameless` counts had no document's id. `unjudged` counts
    queries that are left out because nothing is relevant to them, `textless` those without a text.
    """

    data: str
    live: bool
    queries: int
    unjudged: int
    documents: int
    k: int
    window: int
    recall: float
    arms: tuple[Arm, ...]
    textless: int = 0
    found: int = 0
    nameless: int = 0
    unfound: int = 0

    def label(self, measure: str) -> str:
        """Return a measure's name, with the rows it really goes by where a page has fewer."""
        return f"{measure} (of {self.k} rows)" if measure == LIFT and self.k < LIFT_ROWS else measure

    @property
    def store(self) -> Arm:
        """The store alone."""
        return self.arms[0]

    @property
    def policies(self) -> tuple[Arm, ...]:
        """The arms with midrank in front."""
        return self.arms[1:]
