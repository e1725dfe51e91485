"""Recorded searches under another policy: what would have been answered, and what that would have taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from proxy.model import Outcome, Reason, Verdict
from proxy.stats.latency import percentiles
from proxy.stats.ndcg import ndcg
from proxy.stats.overlap import overlap_at, rank_biased_overlap
from proxy.tuning.exercise import Bench, Trial
from proxy.tuning.gaps import gap_between
from proxy.tuning.repeats import mean_by_query, same_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.policy import Policy, Rule
    from proxy.records.recorded import RecordedSearch
    from proxy.scoring.base import ModelScorer
    from proxy.scoring.llm.spending import Purse
    from proxy.stats.latency import Latency
    from proxy.tuning.cases import Case
    from proxy.tuning.gaps import Gap
    from proxy.tuning.sweep import State


class Replayable(NamedTuple):
    """A recorded search whose texts are known."""

    search: RecordedSearch
    case: Case


class Likeness(NamedTuple):
    """How much the pages of two ways to answer are the same.

    `changed` is the share of pages that differ at all, `displaced` of those with another first row; `overlap`
    of their rows and `rbo` (rank-biased overlap) are means.
    """

    changed: float
    displaced: float
    overlap: float
    rbo: float


@dataclass(frozen=True, slots=True)
class Answers:
    """One way to answer the searches: the store's, what was recorded, or a policy's.

    `pages` are the ids of every search's rows from the first to the end of its page, `seconds` what was
    added; `shallow` counts the searches for which more candidates were wanted than are recorded.
    """

    name: str
    pages: tuple[tuple[str, ...], ...]
    seconds: tuple[float, ...] = ()
    verdicts: tuple[tuple[Outcome, Reason | None], ...] = ()
    shallow: int = 0

    @property
    def added(self) -> Latency:
        """The seconds added."""
        return percentiles(self.seconds)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How often what came out, with the reason where there is one; the most frequent first."""
        named = (
            str(outcome) if reason is None else f"{outcome}: {reason}" for outcome, reason in self.verdicts
        )
        return dict(Counter(named).most_common())

    def like(self, other: Answers) -> Likeness:
        """Compare with another way to answer the same searches, one or more."""
        pairs = list(zip(self.pages, other.pages, strict=True))
        return Likeness(
            sum(ours != theirs for ours, theirs in pairs) / len(pairs),
            sum(ours[:1] != theirs[:1] for ours, theirs in pairs) / len(pairs),
            float(np.mean([overlap_at(ours, theirs, len(ours) or 1) for ours, theirs in pairs])),
            float(np.mean([rank_biased_overlap(ours, theirs) for ours, theirs in pairs])),
        )


def stores_own(searches: Sequence[Replayable]) -> Answers:
    """Return the store's order."""
    return Answers("store", tuple(_page(case, range(len(case.candidates))) for _, case in searches))


def as_recorded(searches: Sequence[Replayable]) -> Answers:
    """Return what was shown at the time."""
    return Answers(
        "recorded",
        tuple(_page(case, search.order) for search, case in searches),
        tuple(search.added_ms / 1000 for search, _ in searches),
        tuple((search.outcome, search.reason) for search, _ in searches),
    )


async def replayed(
    name: str,
    policy: Policy,
    searches: Sequence[Replayable],
    *,
    state: State = "warm",
    purse: Purse | None = None,
    done: Callable[[int], None] = lambda _: None,
    scorers: Mapping[str, ModelScorer] | None = None,
) -> Answers:
    """Return what a policy makes of the searches, by the rules that match their store and collection.

    Raises:
        Stopped: a model is set up wrong, or the `purse` has not enough for the next call.
    """
    rules = [_active(policy, search) for search, _ in searches]
    matched = list(dict.fromkeys(rule for rule in rules if rule is not None))
    bench = Bench(policy, matched, purse=purse, scorers=scorers)
    trials = []
    async with bench:
        if state == "warm":
            for rule in bench.rules:
                own = [case for (_, case), matching in zip(searches, rules, strict=True) if matching == rule]
                await bench.warm(rule, own)
        for (_, case), matching in zip(searches, rules, strict=True):
            trials.append(_passed(case) if matching is None else await bench.trial(matching, case))
            done(1)
    return Answers(
        name,
        tuple(_page(case, trial.order) for (_, case), trial in zip(searches, trials, strict=True)),
        tuple(trial.seconds for trial in trials),
        tuple((trial.verdict.outcome, trial.verdict.reason) for trial in trials),
        sum(trial.wanted > len(case.candidates) for (_, case), trial in zip(searches, trials, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded searches, answered in several ways: the first is the store's, the second what was recorded.

    `asked` are the queries of all searches, `relevant` their grades, empty where nobody has judged it.
    `without_texts` counts the searches that could not be replayed. A judged query that was asked often counts
    once, with the mean of its searches.
    """

    answers: tuple[Answers, ...]
    asked: tuple[str, ...]
    relevant: tuple[Mapping[str, float], ...]
    without_texts: int

    @property
    def judged(self) -> int:
        """How many of the searches are judged."""
        return sum(map(bool, self.relevant))

    @property
    def queries(self) -> int:
        """How many different queries were asked."""
        return len(set(map(same_query, self.asked)))

    @property
    def judged_queries(self) -> int:
        """How many different ones of them are judged."""
        return len(self.ndcg(self.answers[0], 5))

    @property
    def depths(self) -> tuple[int, ...]:
        """The depths of NDCG that the pages of judged searches have something to tell about."""
        pages = (page for page, grades in zip(self.answers[0].pages, self.relevant, strict=True) if grades)
        longest = max(map(len, pages), default=0)
        return (5, 10) if longest > 5 else (5,) if longest else ()

    def ndcg(self, answers: Answers, k: int) -> tuple[float, ...]:
        """Return NDCG@k of every judged query."""
        judged = zip(self.asked, answers.pages, self.relevant, strict=True)
        found = mean_by_query((query, ndcg(page, grades, k)) for query, page, grades in judged if grades)
        return tuple(found.values())

    def lift(self, answers: Answers, k: int) -> Gap:
        """Return the mean difference in NDCG@k to the store's order."""
        return gap_between(self.ndcg(self.answers[0], k), self.ndcg(answers, k))

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other programs; times are in milliseconds."""
        return {
            "searches": len(self.relevant),
            "queries": self.queries,
            "without_texts": self.without_texts,
            "judged": self.judged,
            "judged_queries": self.judged_queries,
            "answers": [self._told(one) for one in self.answers],
        }

    def _told(self, answers: Answers) -> dict[str, Any]:
        store, recorded, *_ = self.answers
        told: dict[str, Any] = {
            "name": answers.name,
            "to_store": answers.like(store)._asdict(),
            "to_recorded": answers.like(recorded)._asdict(),
            "outcomes": answers.outcomes,
            "added_ms": {name: value * 1000 for name, value in answers.added._asdict().items()},
            "shallow": answers.shallow,
        }
        for k in self.depths:
            told[f"NDCG@{k}"] = float(np.mean(self.ndcg(answers, k)))
            told[f"NDCG@{k}_lift"] = list(self.lift(answers, k))
        return told


def _active(policy: Policy, search: RecordedSearch) -> Rule | None:
    rule = policy.rule(search.store, search.collection)
    return None if rule is None or rule.mode == "off" else rule


def _passed(case: Case) -> Trial:
    everything = tuple(range(len(case.candidates)))
    verdict = Verdict(Outcome.PASSED, Reason.MODE_OFF, 0, len(everything))
    return Trial(everything, verdict, None, 0.0)


def _page(case: Case, order: Sequence[int]) -> tuple[str, ...]:
    return tuple(case.ids(order))
