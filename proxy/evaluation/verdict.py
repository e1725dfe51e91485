"""Whether a reranker is worth it: one plain sentence from the lift, how sure it is, and what it costs.

Each combination gives exactly one kind of verdict; the first line that holds decides:

1. no answer was reranked                                               nothing was reranked
2. there are too few queries                                            can't tell
3. the interval lies below 0                                            harmful
4. searches fail, or p99 grows by more than people wait                 probably not worth it
5. the interval holds both 0 and a worthwhile lift                      can't tell
6. the lift is not worthwhile                                           probably not worth it
7. the lift is worthwhile, but not the lower end of its interval        probably worth it
8. both are                                                             worth it

Searches that fell back are in the lift already, as they count with the store's order, and so are candidates
that were not read in time. A verdict names both where they are many: with more time, or a smaller model, the
lift would be another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from proxy.evaluation.results import FEWEST_QUERIES, LIFT
from proxy.evaluation.wording import duration, interval, points, share

if TYPE_CHECKING:
    from proxy.evaluation.results import Arm, Difference, Evaluation

__all__ = [
    "FEWEST_QUERIES",
    "LONGEST_WAIT",
    "MOST_QUERIES",
    "WORTHWHILE_LIFT",
    "Kind",
    "Verdict",
    "judge",
    "verdict_of",
]

# The rule of the field: a smaller gain of NDCG@5 is rarely worth a model and its milliseconds.
WORTHWHILE_LIFT = 0.03
# Seconds after which a wait breaks the flow of thought. (Miller, "Response time in man-computer
# conversational transactions", AFIPS 1968; Nielsen, "Usability Engineering", 1993.)
LONGEST_WAIT = 1.0
# Share of searches that may fail where the store alone would answer: what three nines leave.
MOST_FAILED = 0.001
# Share of searches above which one should know that they fell back to the store's order.
MANY_FALLBACKS = 0.05
# Share of the candidates below which one should know how few of them the models have read.
FEW_READ = 0.8
# Queries that are enough to say something, see `FEWEST_QUERIES`.
BETTER_QUERIES = 2 * FEWEST_QUERIES
# Nobody judges more than that: the lift is too near to the line.
MOST_QUERIES = 20_000


class Kind(StrEnum):
    """What is advised."""

    WORTH_IT = "worth it"
    PROBABLY = "probably worth it"
    CANT_TELL = "can't tell"
    PROBABLY_NOT = "probably not worth it"
    HARMFUL = "harmful"
    NOTHING = "nothing was reranked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The advice about one arm, in a few plain sentences.

    `enough` is about how many queries would settle it, if they went like those asked; None where it is
    settled, where no number that anybody judges would do, and where so few were asked that nothing is known.
    """

    kind: Kind
    sentence: str
    enough: int | None = None


def verdict_of(evaluation: Evaluation, arm: Arm) -> Verdict:
    """Judge one of the policies of an evaluation; what it adds at p99 is what its callers wait longer."""
    if not arm.reranks:
        reasons = ", ".join(f"{one.reason or one.outcome} {share(one.share)}" for one in arm.met)
        return Verdict(Kind.NOTHING, f"Nothing was reranked: {reasons}.")
    alone = evaluation.store
    return judge(
        arm.lift,
        evaluation.queries,
        added_p99=arm.total.p99 - alone.total.p99,
        failed=arm.rates.failed - alone.rates.failed,
        fell_back=arm.rates.fallback,
        read=arm.scored,
        measure=evaluation.label(LIFT),
    )


def judge(
    lift: Difference,
    queries: int,
    *,
    added_p99: float,
    failed: float = 0.0,
    fell_back: float = 0.0,
    read: float = 1.0,
    measure: str = LIFT,
) -> Verdict:
    """Weigh the lift in NDCG@5 over the store alone, found with `queries` queries, with what it costs.

    `added_p99` are the seconds by which the p99 of whole searches grows. `failed` is the share of searches
    that fail where the store alone answers; `fell_back` is the share that is answered in the store's order
    because something was late or broken; `read` is the share of candidates that models have read; `measure`
    is what the lift is called.
    """
    too_dear = failed > MOST_FAILED or added_p99 > LONGEST_WAIT
    kind = _kind(lift, queries, too_dear=too_dear)
    enough = None if too_dear else _enough(lift, queries)
    parts = [f"{kind[0].upper()}{kind[1:]}: {measure} {_measured(lift, queries)} {_cost(added_p99)}."]
    if queries < FEWEST_QUERIES:
        parts.append(
            f"Fewer than {FEWEST_QUERIES} queries are nothing to go by: ask {BETTER_QUERIES} or more."
        )
    if kind is Kind.PROBABLY_NOT and lift.mean < WORTHWHILE_LIFT:
        parts.append(f"Less than {points(WORTHWHILE_LIFT)} rarely pays for a model.")
    if failed > MOST_FAILED:
        parts.append(f"{share(failed)} of the searches failed that the store alone answers.")
    if added_p99 > LONGEST_WAIT:
        parts.append("That is longer than people like to wait.")
    if fell_back > MANY_FALLBACKS:
        parts.append(f"{share(fell_back)} fell back to the store's order.")
    if read < FEW_READ:
        parts.append(f"Models read only {share(read)} of the candidates.")
    if enough is not None:
        parts.append(f"About {enough:,} queries would settle it.")
    return Verdict(kind, " ".join(parts), enough)


def _kind(lift: Difference, queries: int, *, too_dear: bool) -> Kind:
    if queries < FEWEST_QUERIES:
        return Kind.CANT_TELL
    if lift.high < 0:
        return Kind.HARMFUL
    if too_dear:
        return Kind.PROBABLY_NOT
    if lift.low <= 0 and lift.high >= WORTHWHILE_LIFT:
        return Kind.CANT_TELL
    if lift.mean < WORTHWHILE_LIFT:
        return Kind.PROBABLY_NOT
    return Kind.WORTH_IT if lift.low >= WORTHWHILE_LIFT else Kind.PROBABLY


def _enough(lift: Difference, queries: int) -> int | None:
    """Return about how many queries bring the interval clear of the line that leaves the verdict open.

    Its width goes with one over the square root of their number. Rounded up to two digits.
    """
    if queries < FEWEST_QUERIES or not lift.low < WORTHWHILE_LIFT <= lift.high:
        return None
    distance = abs(lift.mean - WORTHWHILE_LIFT)
    if lift.low <= 0:
        distance = max(distance, abs(lift.mean))  # being clear of either line will do
    reach = max(lift.high - lift.mean, lift.mean - lift.low)
    if reach > distance * math.sqrt(MOST_QUERIES / queries):
        return None
    needed = max(queries * (reach / distance) ** 2 if distance else 0, BETTER_QUERIES)
    digit: int = 10 ** (math.floor(math.log10(needed)) - 1)
    return math.ceil(needed / digit) * digit


def _measured(lift: Difference, queries: int) -> str:
    amount = points(abs(lift.mean))
    verb = "stays as it is" if amount == ".000" else f"{'rises' if lift.mean > 0 else 'falls'} by {amount}"
    return verb if queries < FEWEST_QUERIES else f"{verb} (95 % {interval(lift.low, lift.high)})"


def _cost(added_p99: float) -> str:
    return f"for {duration(added_p99)} more at p99" if added_p99 >= 0.0001 else "at no cost in time"
