"""The next step for a collection, from what its records prove; and what is missing to say more.

The first line that holds decides:

1. the harm guard has switched it off, or raised an alarm       switch off
2. people prefer the store's order, or judged queries do        switch off
3. too many searches fall back, or come late                    tune
4. people prefer the reranked order, or judged queries do       keep
5. next to nothing is changed                                   tune
6. nothing of that                                              more data
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from proxy.evaluation.verdict import FEWEST_QUERIES, WORTHWHILE_LIFT
from proxy.evidence.preferences import ALPHA
from proxy.model import Outcome
from proxy.reporting import wording

if TYPE_CHECKING:
    from proxy.reporting.figures import Figures

# Share of searches that may end without all of their candidates scored, before something is to be tuned.
MANY_FALLBACKS = 0.05
# With fewer searches their shares are accidents.
FEWEST_SEARCHES = 100
# Where less than this share of answers begins with another row, reranking is hardly there.
HARDLY_CHANGED = 0.02


class Step(StrEnum):
    """What is advised."""

    KEEP = "keep"
    TUNE = "tune"
    SWITCH_OFF = "switch off"
    MORE_DATA = "more data"


@dataclass(frozen=True, slots=True)
class Advice:
    """A step, and why."""

    step: Step
    why: str


def advise(figures: Figures) -> Advice:
    """Return the next step for a collection."""
    if (harm := _harm(figures)) is not None:
        return Advice(Step.SWITCH_OFF, f"{harm}: try another model, or leave it")
    good, bad = _proof(figures)
    if bad:
        return Advice(Step.SWITCH_OFF, bad[0])
    short = figures.outcomes[Outcome.FALLBACK] + figures.outcomes[Outcome.PARTIAL]
    if figures.searches >= FEWEST_SEARCHES and short / figures.searches > MANY_FALLBACKS:
        why = f"{wording.share(short / figures.searches)} of its searches are ranked in part or not at all"
        return Advice(Step.TUNE, f"{why}: more time, or a faster model")
    if good:
        return Advice(Step.KEEP, good[0])
    changes = figures.changes if figures.changes.count else figures.would_change
    if changes.count >= FEWEST_SEARCHES and changes.displaced < HARDLY_CHANGED:
        share = wording.share(changes.displaced)
        return Advice(
            Step.TUNE, f"only {share} of its answers begin with another row: more candidates, or none"
        )
    return Advice(Step.MORE_DATA, "nothing proves yet that it helps, or harms")


def missing(figures: Figures, before: Figures, *, judged: bool) -> list[str]:
    """Return what would let the report say more, in sentences."""
    found = []
    if not figures.searches:
        return ["No search was recorded: is the folder right, and does a policy record to it?"]
    if figures.searches < FEWEST_SEARCHES:
        found.append(
            f"Fewer than {FEWEST_SEARCHES} searches were recorded: shares and p99 are accidents yet."
        )
    heard = figures.preferences.decided + figures.preferences.ties
    if not heard and figures.rates is None and figures.plain:
        found.append(
            f"What was said of {wording.counted(figures.plain, 'answer')} outside of an experiment compares "
            "nothing: people look at the top first, whatever is there. A rule with an `experiment` would."
        )
    elif not heard and figures.rates is None:
        found.append(
            "Nobody says which rows are of use. A rule with an `experiment`, and applications that post to "
            "`feedback`, would prove whether people are better off."
        )
    elif figures.rates is None and figures.preferences.p_value >= ALPHA:
        found.append(f"{heard:,} compared answers don't tell the two orders apart yet: let it go on.")
    if not figures.texts:
        found.append(
            "Texts are not kept: the searches can't be replayed under another policy, nor their judgments be "
            "looked up. `record: {texts: keep}` would allow that."
        )
    elif not judged:
        found.append("With judged queries (`--judged`) the searches among them could be scored.")
    if not figures.harm:
        found.append("The harm guard has told nothing: either all is well, or a policy has no `harm_guard`.")
    if not before.searches:
        found.append("There are no records of the time before to compare with.")
    return found


def _harm(figures: Figures) -> str | None:
    alarm = figures.alarm
    if alarm is not None:
        done = "has switched it off" if figures.off else "has raised an alarm"
        return f"the harm guard {done}, since {wording.day(alarm.at)}"
    return "its searches are answered in the store's order by the harm guard" if figures.off else None


def _proof(figures: Figures) -> tuple[list[str], list[str]]:
    """Return what proves that it helps, and what proves that it harms."""
    good: list[str] = []
    bad: list[str] = []
    votes = figures.preferences
    if votes.p_value < ALPHA:
        share = wording.share((votes.wins if votes.preference > 0 else votes.losses) / votes.decided)
        order = "reranked" if votes.preference > 0 else "store's"
        sentence = f"{share} of {votes.decided:,} comparisons speak for the {order} order"
        (good if votes.preference > 0 else bad).append(sentence)
    rates = figures.rates
    if rates is not None and (rates.low > 0 or rates.high < 0):
        word = "more" if rates.low > 0 else "less"
        (good if rates.low > 0 else bad).append(f"reranked answers are {word} often of use")
    lift = figures.lift
    if lift is not None and lift.queries >= FEWEST_QUERIES:
        sentence = (
            f"NDCG@5 of {lift.queries:,} judged queries changes by {wording.points(lift.mean, signed=True)}"
        )
        if lift.high < 0:
            bad.append(sentence)
        elif lift.low > 0 and lift.mean >= WORTHWHILE_LIFT:
            good.append(sentence)
    return good, bad
