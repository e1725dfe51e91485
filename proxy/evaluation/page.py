"""The page of an evaluation: one HTML file with verdicts, plots, tables, and queries to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.evaluation import plots
from proxy.evaluation.cases import biggest
from proxy.evaluation.html import render
from proxy.evaluation.notes import notes
from proxy.evaluation.results import LIFT
from proxy.evaluation.verdict import WORTHWHILE_LIFT, Kind, verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from proxy.evaluation.cases import Case
    from proxy.evaluation.judged import Judged
    from proxy.evaluation.results import Arm, Evaluation
    from proxy.evaluation.verdict import Verdict

# Queries in the list of all: those that changed most, where there are more.
MOST_LISTED = 500
# The length of a card's ruler, in the units of its drawing.
RULER = 300
# What a verdict looks like.
TONES = {
    Kind.WORTH_IT: "good",
    Kind.PROBABLY: "good",
    Kind.CANT_TELL: "open",
    Kind.PROBABLY_NOT: "open",
    Kind.HARMFUL: "bad",
    Kind.NOTHING: "open",
}


class Ruler(NamedTuple):
    """Where things stand on a line, from 0 to `RULER`, on which the lifts of all policies have a place."""

    zero: float
    worthwhile: float
    low: float
    mean: float
    high: float


class Section(NamedTuple):
    """What the page says of one policy."""

    name: str
    arm: Arm
    verdict: Verdict
    tone: str
    added_p99: float
    ruler: Ruler
    lifts: Markup
    latencies: Markup
    wins: tuple[Case, ...]
    harms: tuple[Case, ...]


class Line(NamedTuple):
    """A query in the list of all: NDCG@5 of each arm, the store alone first."""

    id: str
    text: str
    values: tuple[float, ...]


def page(evaluation: Evaluation, judged: Judged, facts: Mapping[str, str]) -> str:
    """Return the page; `facts` are what another would need to do the same again, by their names.

    The judged queries are those that were asked, in their order.
    """
    from markupsafe import Markup  # noqa: PLC0415 - of the [eval] extra

    return render(
        "evaluation.html",
        evaluation=evaluation,
        notes=notes(evaluation),
        lift=evaluation.label(LIFT),
        measure=LIFT,
        ruler_length=RULER,
        worthwhile=WORTHWHILE_LIFT,
        frontier=Markup(plots.frontier(evaluation)),  # noqa: S704 - names are escaped by matplotlib
        sections=[_section(place, evaluation, judged) for place in range(len(evaluation.policies))],
        lines=_lines(evaluation, judged),
        facts=facts,
    )


def _section(place: int, evaluation: Evaluation, judged: Judged) -> Section:
    from markupsafe import Markup  # noqa: PLC0415 - of the [eval] extra

    arm, store, name = evaluation.policies[place], evaluation.store, f"policy-{place + 1}"
    verdict = verdict_of(evaluation, arm)
    return Section(
        name,
        arm,
        verdict,
        TONES[verdict.kind],
        arm.total.p99 - store.total.p99,
        _ruler(arm, evaluation.policies),
        Markup(plots.lifts(arm, store, name)),  # noqa: S704 - drawn from numbers
        Markup(plots.latencies(arm, store, name)),  # noqa: S704 - drawn from numbers
        biggest(arm, store, judged),
        biggest(arm, store, judged, harms=True),
    )


def _ruler(arm: Arm, policies: Sequence[Arm]) -> Ruler:
    ends = [end for one in policies for end in (one.lift.low, one.lift.mean, one.lift.high)]
    left, right = min(-WORTHWHILE_LIFT, *ends), max(2 * WORTHWHILE_LIFT, *ends)
    marks = (0.0, WORTHWHILE_LIFT, arm.lift.low, arm.lift.mean, arm.lift.high)
    room = RULER * 0.04  # on both sides, for the ends of what is drawn
    return Ruler(*(round(room + (RULER - 2 * room) * (mark - left) / (right - left), 1) for mark in marks))


def _lines(evaluation: Evaluation, judged: Judged) -> tuple[Line, ...]:
    """Return all queries in their order, or those that changed most."""
    lines = [
        Line(query.id, query.text, tuple(arm.asked[place].ndcg5 for arm in evaluation.arms))
        for place, query in enumerate(judged.queries)
    ]
    if len(lines) > MOST_LISTED:
        lines.sort(key=lambda line: -max(abs(value - line.values[0]) for value in line.values))
    return tuple(lines[:MOST_LISTED])
