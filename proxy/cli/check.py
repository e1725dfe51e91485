"""midrank check: print what a policy would run, or every mistake in it.

Exit code 2 when there are mistakes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proxy.app import locate_models
from proxy.policy_file import load_policy

if TYPE_CHECKING:
    import argparse

    from proxy.policy import Policy, Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy to check")


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 0; mistakes leave as `BadConfig`."""
    policy = load_policy(arguments.file)
    locate_models(policy)
    print(describe(policy))
    return 0


def describe(policy: Policy) -> str:
    """Say in plain lines what a policy does."""
    lines = ["stores"]
    lines += [f"  {store.name}: {store.kind} {store.listen} -> {store.upstream}" for store in policy.stores]
    lines.append("models")
    for name, model in policy.models.items():
        settings = ", ".join(f"{key} {value}" for key, value in model if key != "kind" and value is not None)
        unused = "" if name in policy.used_models else " (no rule uses it)"
        lines.append(f"  {name}: {model.kind}, {settings}{unused}")
    lines.append("rules, the first that matches decides")
    lines += [f"  {place}. {_describe_rule(rule)}" for place, rule in enumerate(policy.rules, 1)]
    lines.append("  otherwise: off")
    if policy.admin:
        lines.append(f"admin {policy.admin}")
    return "\n".join(lines)


def _describe_rule(rule: Rule) -> str:
    where = f"store {rule.match.store}, collection {rule.match.collection}"
    if rule.mode == "off":
        return f"{where}: off"
    window = rule.candidates
    return (
        f"{where}: {rule.mode}, rerank {window.min}-{window.max} candidates ({window.factor:g} x limit) with "
        f"{_describe_models(rule)} within {rule.budget_ms:g} ms, at least {window.at_least}, "
        f"{rule.scores} scores"
    )


def _describe_models(rule: Rule) -> str:
    *better, last = rule.rerank
    match rule.strategy:
        case "race":
            return f"{', then '.join(better)}, and {last} beside in case of lateness"
        case "cascade":
            return f"{last}, then the top {rule.cascade_top} with {', or '.join(better)}"
        case _:
            return ", then ".join(rule.rerank)
