"""midrank check: print what a policy would run and what is doubtful about it, or every mistake in it.

Exit code 2 when there are mistakes; doubts are none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proxy.cli.policy_warnings import policy_warnings
from proxy.policy_evidence import Experiment
from proxy.policy_file import load_policy
from proxy.proof import check_proof
from proxy.scorers import locate_models

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from proxy.policy import Policy, Rule
    from proxy.policy_cache import CacheSettings, RuleCache
    from proxy.policy_rerank_api import RerankApi
    from proxy.policy_scoring import Scored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy to check")


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 0; mistakes leave as `BadConfig`."""
    policy = load_policy(arguments.file)
    locate_models(policy)
    check_proof(policy)
    print(describe(policy))
    return 0


def describe(policy: Policy) -> str:
    """Say in plain lines what a policy does."""
    lines = ["stores"] if policy.stores else []
    lines += [f"  {store.name}: {store.kind} {store.listen} -> {store.upstream}" for store in policy.stores]
    lines.append("models")
    for name, model in policy.models.items():
        settings = ", ".join(f"{key} {value}" for key, value in model if key != "kind" and value is not None)
        unused = "" if name in policy.used_models else " (no rule uses it)"
        lines.append(f"  {name}: {model.kind}, {settings}{unused}")
    if policy.stores:
        lines.append("rules, the first that matches decides")
        lines += [f"  {place}. {_describe_rule(rule)}" for place, rule in enumerate(policy.rules, 1)]
        lines.append("  otherwise: off")
    if policy.rerank_api:
        lines.append(_describe_rerank_api(policy.rerank_api))
    lines += _describe_cache(policy.cache)
    lines += _describe_proof(policy)
    if policy.admin:
        lines.append(f"admin {policy.admin.listen}")
    lines += [f"warning: {warning}" for warning in policy_warnings(policy)]
    return "\n".join(lines)


def _describe_rerank_api(api: RerankApi) -> str:
    trouble = "answers the input's order" if api.on_trouble == "input_order" else "answers 503"
    return (
        f"rerank API {api.listen}: up to {api.max_documents} documents with {_describe_models(api)} "
        f"within {api.budget_ms:g} ms, {trouble} without scores; {_describe_reuse(api.cache)}"
    )


def _describe_cache(cache: CacheSettings) -> list[str]:
    where = [f"{cache.memory_mb} MB of memory"] if cache.memory_mb else []
    if cache.redis is not None:
        # What stands in front of the hosts is a password.
        scheme, _, rest = cache.redis.url.partition("://")
        where.append(f"{scheme}://{rest.rpartition('@')[2]}, waited for {cache.redis.timeout_ms:g} ms")
    return [
        f"scores are kept for {cache.ttl_s:g} s in {' and '.join(where)}" if where else "no scores are kept"
    ]


def _describe_proof(policy: Policy) -> Iterator[str]:
    if (record := policy.record) is not None:
        texts = "with texts" if record.texts == "keep" else "texts as digests"
        yield (
            f"records {record.share:.0%} of searches in {record.folder}, {texts}, "
            f"up to {record.max_mb} MB and {record.keep_days:g} days"
        )
    if (feedback := policy.feedback) is not None:
        yield f"feedback {feedback.listen}: up to {feedback.remember_s:g} s after an answer"
    if (guard := policy.harm_guard) is not None:
        interleaved = any(rule.experiment and rule.experiment.kind == "interleave" for rule in policy.rules)
        sources = [f"the probes in {guard.probes}"] if guard.probes else []
        sources += [f"{guard.reference}'s view"] if guard.reference else []
        sources += ["feedback on interleaved answers"] if interleaved else []
        then = "switches the collection off" if guard.auto_off else "raises an alarm"
        yield (
            f"harm guard: a lift surely below {guard.min_lift:g} {then}, "
            f"at {guard.confidence:.0%} confidence, by {' and '.join(sources)}"
        )


def _describe_rule(rule: Rule) -> str:
    where = f"store {rule.match.store}, collection {rule.match.collection}"
    if rule.mode == "off":
        return f"{where}: off"
    window = rule.candidates
    return (
        f"{where}: {rule.mode}, rerank {window.min}-{window.max} candidates ({window.factor:g} x limit) with "
        f"{_describe_models(rule)} within {rule.budget_ms:g} ms, at least {window.at_least}, "
        f"{rule.scores} scores; {_describe_reuse(rule.cache)}{_describe_experiment(rule)}"
    )


def _describe_experiment(rule: Rule) -> str:
    match rule.experiment:
        case None:
            return ""
        case Experiment(kind="interleave", share=share):
            return f"; {share:.0%} of queries answered in both orders' turn"
        case Experiment(share=share, header=header):
            return f"; {share:.0%} of callers, by {header}, reranked, the others not"


def _describe_reuse(cache: RuleCache) -> str:
    if cache.exact == "off":
        return "nothing is kept"
    semantic = cache.semantic
    if semantic is None:
        return f"exact cache {cache.exact}"
    scope = ", ".join(("store", "collection", *semantic.scope))
    return f"exact cache {cache.exact}, semantic from cosine {semantic.threshold:g} within one {scope}"


def _describe_models(rule: Scored) -> str:
    *better, last = rule.rerank
    match rule.strategy:
        case "race":
            return f"{', then '.join(better)}, and {last} beside in case of lateness"
        case "cascade":
            return f"{last}, then the top {rule.cascade_top} with {', or '.join(better)}"
        case _:
            return ", then ".join(rule.rerank)
