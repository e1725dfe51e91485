"""What a load came to: latencies, outcomes, quality and errors, as one row of a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.stats.paired import mean_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.benchmarks.client import Answer

# What an answer may be late by and still count as in time: the wire, and an event loop that is busy.
GRACE = 0.010  # seconds
RANKED = ("reranked", "partial", "cached")
STORE_ORDER = ("passed", "fallback")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Row:
    """One load.

    `added` is what the client waited beyond the store's own time, those that it gave up included; `says` is
    what midrank's own header says; `lag` is how late the client itself was, which counts as added too.
    Qualities are mean NDCG@10 over the answered searches: of the store's pages, of ours, and of those that
    reranking every candidate would give; `change` is ours less the store's, with a 95 % interval. `kept` is
    the share of the full lift with its interval, None where the lift itself may be nothing. `goodput` counts
    answers per second that are reranked, at least in part, and in time.
    """

    name: str
    offered: float
    searches: int
    added: Quantiles
    says: Quantiles
    lag: Quantiles
    outcomes: Mapping[str, int]
    scored_share: float
    store: float
    ours: float
    full: float | None
    change: tuple[float, float, float]
    kept: tuple[float, float, float] | None
    goodput: float
    errors: Mapping[str, int]
    in_time: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers are held against.

    `window` gives the candidates for a page size; `orders` are the rows of each question in the order of full
    reranking, where that is known; `budget` and `store_time` are in seconds.
    """

    budget: float
    store_time: float
    window: Callable[[int], int]
    orders: Sequence[Sequence[str]] | None = None


def tally(name: str, answers: Sequence[Answer], seconds: float, terms: Terms) -> Row:
    """Add up what became of a load that lasted so many seconds."""
    faults = [answer.error or fault(answer, terms) for answer in answers]
    good = [answer for answer, why in zip(answers, faults, strict=True) if not why]
    if not good:
        raise AssertionError(f"{name}: no good answer among {len(answers)}: {Counter(faults)}")
    added = [max(0.0, answer.latency - terms.store_time) for answer in answers]
    limit = terms.budget + GRACE
    store = [answer.ask.question.gain(answer.ask.store_page) for answer in good]
    ours = [answer.ask.question.gain(answer.ids) for answer in good]
    full = _full(good, terms)
    in_time = [one for one in good if one.outcome in RANKED and one.latency - terms.store_time <= limit]
    return Row(
        name=name,
        offered=len(answers) / seconds,
        searches=len(answers),
        added=quantiles(added),
        says=quantiles([answer.added for answer in good]),
        lag=quantiles([answer.lag for answer in answers]),
        outcomes=dict(Counter(_word(answer) for answer in good).most_common()),
        scored_share=sum(answer.scored for answer in good)
        / sum(terms.window(answer.ask.limit) for answer in good),
        store=float(np.mean(store)),
        ours=float(np.mean(ours)),
        full=None if full is None else float(np.mean(full)),
        change=mean_difference(store, ours),
        kept=None if full is None else _kept(store, ours, full),
        goodput=len(in_time) / seconds,
        errors=dict(Counter(why for why in faults if why)),
        in_time=float(np.quantile(added, 0.99)) <= limit,
    )


def fault(answer: Answer, terms: Terms) -> str:
    """Say what is wrong with a page, if anything: it may only hold candidates, once each, and no fewer."""
    ask = answer.ask
    if len(answer.ids) != ask.limit or len(set(answer.ids)) != ask.limit:
        return "wrong number of rows"
    if not set(answer.ids) <= set(ask.question.ids[: terms.window(ask.limit)]):
        return "rows of another search"
    if answer.outcome in STORE_ORDER and answer.ids != ask.store_page:
        return "not the store's order"
    return "" if answer.outcome in RANKED + STORE_ORDER else f"outcome {answer.outcome}"


def print_rows(rows: Sequence[Row], budget: float) -> None:
    """Print a table; a star marks a p99 above budget + 10 ms."""
    print(f"\n{'load':<10}{'per s':>7}{'p50':>8}{'p95':>8}{'p99':>9}{'max':>8}", end="")
    print(f"{'says p99':>9}{'lag p99':>9}{'scored':>8}", end="")
    print(f"{'NDCG@10':>9}{'store':>7}{'full':>7}{'kept, 95 %':>20}{'goodput':>9}{'errors':>8}  outcomes")
    for row in rows:
        added = row.added
        print(f"{row.name:<10}{row.offered:>7.2f}{added.p50:>8.1f}{added.p95:>8.1f}{added.p99:>8.1f}", end="")
        print(f"{' ' if row.in_time else '*'}{added.most:>8.1f}{row.says.p99:>9.1f}", end="")
        print(f"{row.lag.p99:>9.1f}{row.scored_share:>8.0%}", end="")
        full = "" if row.full is None else f"{row.full:.3f}"
        kept = "" if row.kept is None else "{:.0%} ({:.0%} .. {:.0%})".format(*row.kept)
        print(f"{row.ours:>9.3f}{row.store:>7.3f}{full:>7}{kept:>20}{row.goodput:>7.2f}/s", end="")
        print(f"{sum(row.errors.values()):>8}  ", end="")
        print(", ".join(f"{word} {count}" for word, count in (*row.outcomes.items(), *row.errors.items())))
    kept_by = sum(row.in_time for row in rows)
    print(f"p99 of added ms is at most {(budget + GRACE) * 1000:.0f} in {kept_by} of {len(rows)} loads")


def quantiles(seconds: Sequence[float]) -> Quantiles:
    """Return quantiles in milliseconds."""
    p50, p95, p99, most = np.quantile(np.array(seconds) * 1000, (0.5, 0.95, 0.99, 1.0))
    return Quantiles(*(round(float(one), 2) for one in (p50, p95, p99, most)))


def _full(good: Sequence[Answer], terms: Terms) -> list[float] | None:
    if terms.orders is None:
        return None
    return [
        question.gain(question.reranked(terms.orders[question.number], terms.window(limit), limit))
        for question, limit in (answer.ask for answer in good)
    ]


def _kept(
    store: Sequence[float], ours: Sequence[float], full: Sequence[float]
) -> tuple[float, float, float] | None:
    """Return which share of the lift is kept, with a 95 % interval: searches are drawn again, all three."""
    gained = np.array(ours) - np.array(store)
    lift = np.array(full) - np.array(store)
    drawn = np.random.default_rng(0).integers(len(lift), size=(2000, len(lift)))
    lifts = lift[drawn].mean(axis=1)
    if np.quantile(lifts, 0.025) <= 0:
        return None
    low, high = np.quantile(gained[drawn].mean(axis=1) / lifts, (0.025, 0.975))
    return float(gained.mean() / lift.mean()), float(low), float(high)


def _word(answer: Answer) -> str:
    return ":".join(filter(None, (answer.outcome, answer.reason)))
