"""What an evaluation has found, for a terminal of 100 columns or for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from proxy.evaluation.notes import notes
from proxy.evaluation.results import LIFT, Rates
from proxy.evaluation.verdict import Kind, verdict_of
from proxy.evaluation.wording import chance, interval, percentiles, points, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.evaluation.results import Arm, Evaluation

# Policies that stand side by side in 100 columns, next to the store alone.
ABREAST = 3
STYLES = {
    Kind.WORTH_IT: "bold green",
    Kind.PROBABLY: "green",
    Kind.CANT_TELL: "yellow",
    Kind.PROBABLY_NOT: "yellow",
    Kind.HARMFUL: "bold red",
    Kind.NOTHING: "bold yellow",
}


def tables(evaluation: Evaluation) -> Group:
    """Lay out all figures, an arm a column, and below them a verdict for every policy."""
    abreast = [
        evaluation.policies[start : start + ABREAST] for start in range(0, len(evaluation.policies), ABREAST)
    ]
    return Group(
        _title(evaluation),
        *(_table(evaluation, policies) for policies in abreast),
        *(_verdict(evaluation, arm) for arm in evaluation.policies),
    )


def _title(evaluation: Evaluation) -> Text:
    store = "a live store" if evaluation.live else f"an index of {evaluation.documents:,} documents"
    title = Text.assemble("\n", (evaluation.data, "bold"))
    title.append(f": {evaluation.queries:,} queries, asked of {store} for {evaluation.k} rows\n")
    for note in notes(evaluation):
        title.append(f"{note}\n", "dim")
    return title


def _table(evaluation: Evaluation, policies: Sequence[Arm]) -> Table:
    """Lay out the store alone and some policies; names are plain text, never rich's markup."""
    store = evaluation.store
    arms = (store, *policies)
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    for arm in arms:
        table.add_column(Text(arm.name), justify="right", overflow="fold")
    for measure in store.measures:
        table.add_row(evaluation.label(measure), *(_measured(arm, measure) for arm in arms))
        if store.is_sure:
            table.add_row("  95 % interval", "", *(_interval(arm, measure) for arm in policies), style="dim")
        if measure == LIFT:
            table.add_row("  p", "", *(chance(arm.lift.p) for arm in policies), style="dim")
            table.add_row("  better / same / worse", "", *map(_counted, policies), style="dim")
    table.add_row(f"recall@{evaluation.window}", points(evaluation.recall), end_section=True)
    table.add_row("p50 / p95 / p99 in ms")
    table.add_row("  store", *(percentiles(arm.store) for arm in arms))
    table.add_row("  midrank adds", "", *(percentiles(arm.added) for arm in policies))
    table.add_row("  the caller waits", *(percentiles(arm.total) for arm in arms), end_section=True)
    for outcome in Rates._fields:
        table.add_row(outcome, *(share(getattr(arm.rates, outcome)) for arm in arms))
    for outcome, reason in _reasons(arms):
        shares = (sum(one.share for one in arm.met if one[:2] == (outcome, reason)) for arm in arms)
        table.add_row(f"  {outcome}: {reason}", *map(share, shares), style="dim")
    table.add_row("candidates read", "", *(share(arm.scored) for arm in policies))
    return table


def _reasons(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Return all outcomes with their reasons that any arm has met, equal outcomes together."""
    return sorted({(one.outcome, one.reason) for arm in arms for one in arm.met if one.reason})


def _measured(arm: Arm, measure: str) -> str:
    value = points(arm.measures[measure])
    return f"{value}  {points(arm.compared[measure].mean, signed=True)}" if arm.compared else value


def _interval(arm: Arm, measure: str) -> str:
    return interval(arm.compared[measure].low, arm.compared[measure].high)


def _counted(arm: Arm) -> str:
    return f"{arm.lift.wins} / {arm.lift.ties} / {arm.lift.losses}"


def _verdict(evaluation: Evaluation, arm: Arm) -> Text:
    verdict = verdict_of(evaluation, arm)
    return Text.assemble("\n", (arm.name, "bold"), "  ", (verdict.sentence, STYLES[verdict.kind]))
