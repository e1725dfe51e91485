"""What a replay has found, for a terminal: one way to answer a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from proxy.evaluation.wording import percentiles, points, share
from proxy.tuning.gaps import ASK_MORE, few

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.tuning.replay import Answers, Likeness, Replay

_LIKENESS: dict[str, Callable[[Likeness], str]] = {
    "pages that differ": lambda one: share(one.changed),
    "another first row": lambda one: share(one.displaced),
    "overlap of pages": lambda one: points(one.overlap),
    "rank-biased overlap": lambda one: points(one.rbo),
}


def replay_table(replay: Replay) -> Group:
    """Lay out how pages differ, what came out, what it took, and how good it is where that is known."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    for answers in replay.answers:
        table.add_column(Text(answers.name), justify="right", overflow="fold")
    store, recorded, *_ = replay.answers
    _compare(table, replay.answers, store, "to the store's order")
    _compare(table, replay.answers, recorded, "to what was shown then")
    table.add_row("adds, p50 / p95 / p99 in ms", *(_added(one) for one in replay.answers))
    names = dict.fromkeys(name for one in replay.answers for name in one.outcomes)
    for name in names:
        table.add_row(name, *(_outcome(one, name) for one in replay.answers))
    if any(one.shallow for one in replay.answers):
        table.add_row(
            "wanted more candidates", *(str(one.shallow) if one.shallow else "" for one in replay.answers)
        )
    if replay.judged:
        table.add_section()
        for k in replay.depths:
            table.add_row(f"NDCG@{k}", *(_ndcg(replay, one, k) for one in replay.answers))
            if not few(replay.judged_queries):
                ends = (_interval(replay, one, k) for one in replay.answers)
                table.add_row("  95 % interval", *ends, style="dim")
    return Group(Text(_counted(replay)), table)


def _counted(replay: Replay) -> str:
    counted = f"{len(replay.relevant)} recorded searches, {replay.queries} different queries\n"
    if not replay.judged:
        return counted
    queries = replay.judged_queries
    counted += f"judged: {replay.judged} searches, {queries} different queries, each of which counts once\n"
    return counted + (f"{queries} queries are too few to go by: {ASK_MORE}\n" if few(queries) else "")


def _compare(table: Table, answers: Sequence[Answers], base: Answers, words: str) -> None:
    likeness = [None if one is base else one.like(base) for one in answers]
    table.add_row(words, style="dim")
    for name, shown in _LIKENESS.items():
        table.add_row(f"  {name}", *("" if one is None else shown(one) for one in likeness))
    table.add_section()


def _added(answers: Answers) -> str:
    return percentiles(answers.added) if answers.seconds else ""


def _outcome(answers: Answers, name: str) -> str:
    count = answers.outcomes.get(name, 0)
    return share(count / len(answers.pages)) if count else ""


def _ndcg(replay: Replay, answers: Answers, k: int) -> str:
    mean = points(float(np.mean(replay.ndcg(answers, k))))
    if answers is replay.answers[0]:
        return mean
    return f"{mean}  {points(replay.lift(answers, k).mean, signed=True)}"


def _interval(replay: Replay, answers: Answers, k: int) -> str:
    return "" if answers is replay.answers[0] else replay.lift(answers, k).ends
