"""midrank tune: Find the models, depth, reading and budget that are worth their time, and write that policy.

A run that was ended by whatever is gone on with by the same command. Exit code 1 when no point is fast enough
or models are out of reach, 3 when --max-cost does not allow the next call.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import orjson
import uvloop

from proxy import __version__
from proxy.cli.progress import bar
from proxy.cli.tune_arguments import add_arguments, check, journal_of
from proxy.errors import BadConfig, Mistake
from proxy.evaluation.dense import Embedder
from proxy.evaluation.judged import read
from proxy.evaluation.kept_vectors import evaluation_folder, kept_vectors, write_whole
from proxy.evaluation.wording import percentiles
from proxy.evaluation.wording import points as written
from proxy.logs import log_to_stderr
from proxy.offline.choice import chosen_rule, scorers_of, without_stores
from proxy.offline.workplace import OutOfMoney, Stopped
from proxy.policy_file import load_policy
from proxy.records.reader import Records
from proxy.scorers import locate_models
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.llm.spending import Purse
from proxy.tuning.cases import cases_of_rule, dense_cases, judged_case, spread
from proxy.tuning.chosen import chosen_policy
from proxy.tuning.journal import open_journal
from proxy.tuning.points import Grid, Point, applied, points
from proxy.tuning.repeats import newest_of_each
from proxy.tuning.result import Result
from proxy.tuning.sweep import Sweep, Terms
from proxy.tuning.tables import make_console, shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from proxy.policy import Policy, Rule
    from proxy.tuning.cases import Case

__all__ = ["add_arguments", "run"]

OUT_OF_MONEY = 3


def run(arguments: argparse.Namespace) -> int:
    """Sweep, print the frontier and write the policy; mistakes leave as `BadConfig`."""
    log_to_stderr("warning")
    check(arguments)
    policy = load_policy(arguments.policy)
    source = arguments.policy.read_text("utf-8")
    rule = chosen_rule(policy, arguments.rule, (), allowed="a rule that is not off")
    try:
        result = _swept(arguments, policy, rule)
    except Stopped as stopped:
        out_of_money = isinstance(stopped, OutOfMoney)
        why = "as the next call might exceed --max-cost" if out_of_money else str(stopped)
        _say(f"stopped, {why}; run it again to go on")
        return OUT_OF_MONEY if out_of_money else 1
    make_console().print(shown(result))
    try:
        if arguments.json is not None:
            write_whole(arguments.json, orjson.dumps(result.as_json(), option=orjson.OPT_INDENT_2))
        if result.chosen is None:
            return 1
        notes = _notes(arguments, result)
        text = chosen_policy(source, policy, rule, result.chosen.point, notes=notes)
        write_whole(arguments.out, text.encode())
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}; what was measured is in the journal")
        return 1
    _say(f"{arguments.out} has the chosen policy")
    return 0


def _swept(arguments: argparse.Namespace, policy: Policy, rule: Rule) -> Result:
    """Measure what the journal lacks, and return what all of it comes to."""
    grid = Grid(*map(tuple, (arguments.tiers, arguments.depths, arguments.tokens, arguments.budgets_ms)))
    cases = _cases(arguments, policy, rule, max(grid.depths_for(rule, arguments.k)))
    longest = max(len(case.candidates) for case in cases)
    tried = points(policy, rule, grid, limit=arguments.k, longest=longest)
    reference = None if arguments.records is None else _reference(arguments, policy, rule, tried)
    purse = Purse() if arguments.max_cost is None else Purse(arguments.max_cost)
    asked = [*tried, *([] if reference is None else [reference])]
    used = without_stores(policy, *(applied(policy, rule, point)[1] for point in asked))
    locate_models(used)
    scorers_of(used, purse, bounded=arguments.max_cost is not None)
    _tell_load()
    limit_ms = rule.budget_ms if arguments.max_p99_ms is None else arguments.max_p99_ms
    terms = Terms(arguments.queries, limit_ms / 1000, arguments.state, reference)
    with open_journal(journal_of(arguments)) as opened:
        sweep = Sweep(policy, rule, tried, cases, terms, opened, purse)
        with bar(f"measuring {len(tried)} points", sweep.work) as moving:
            told = replace(sweep, done=moving.advance, known=moving.skip)
            series, store = uvloop.run(told.run())
    return Result(series, store, sweep.names, judged=reference is None, longest=terms.longest)


def _cases(arguments: argparse.Namespace, policy: Policy, rule: Rule, depth: int) -> tuple[Case, ...]:
    """Return what is to be measured: judged queries with their documents, or recorded searches.

    Raises:
        BadConfig: there is none.
    """
    if arguments.records is not None:
        cases, without_texts = cases_of_rule(Records(arguments.records), policy, rule)
        if without_texts:
            _say(f"{without_texts} searches are left out: their texts were not kept")
        if not cases:
            allowed = "searches that the rule is for, recorded with `texts: keep`"
            raise BadConfig((Mistake(str(arguments.records), "(records)", "none", allowed),))
        different = newest_of_each(cases)
        _say(f"{len(cases)} searches, {len(different)} different queries: each counts as it was asked last")
        return tuple(spread(different, arguments.limit))
    judged = read(arguments.data, arguments.split)
    judged = judged._replace(queries=judged.queries[: arguments.limit])
    if all(query.documents for query in judged.queries):
        return tuple(judged_case(query, arguments.k) for query in judged.queries)
    if not judged.documents:
        raise BadConfig((Mistake(str(arguments.data), "documents", "none", "documents to rerank"),))
    with bar("embedding", len(judged.documents) + len(judged.queries)) as moving:
        embed = partial(kept_vectors, evaluation_folder(), model=Embedder(), advance=moving.advance)
        return dense_cases(judged, embed, limit=arguments.k, depth=depth)


def _reference(arguments: argparse.Namespace, policy: Policy, rule: Rule, tried: Sequence[Point]) -> Point:
    """Return the point whose order stands for the best there is: the rule's first model, reading deepest."""
    name = arguments.reference or rule.rerank[0]
    if name not in policy.models:
        allowed = f"names under `models`: {', '.join(policy.models)}"
        raise BadConfig((Mistake("(command line)", "--reference", name, allowed),))
    return Point((name,), max(point.depth for point in tried), None, rule.budget_ms)


def _notes(arguments: argparse.Namespace, result: Result) -> list[str]:
    """Return what the policy says about how it was chosen."""
    chosen = result.chosen
    assert chosen is not None, "asked where there is one"
    data = (arguments.data or arguments.records).name
    when = f"{datetime.now(UTC).date()}, midrank {__version__}"
    what = f"{len(chosen.rows)} cases of {data}, {len(result.series)} points"
    lift = f"{result.lifts[chosen.point]} to the store's order"
    return [
        f"{when}, {what}",
        f"{result.names[0]} {written(chosen.quality)}, {lift}",
        f"adds {percentiles(chosen.added)} ms (p50 / p95 / p99), texts {arguments.state}",
        *result.sentences,
    ]


def _tell_load() -> None:
    """Say so where the machine has other work: no point would be as fast as it could be."""
    load, cpus = os.getloadavg()[0], usable_cpus()
    if load > cpus / 2:
        _say(f"this machine is busy (load {load:.1f} on {cpus} CPUs): what else runs is in the times")


def _say(words: object) -> None:
    print(f"midrank: {words}", file=sys.stderr)
