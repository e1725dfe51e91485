"""What is allowed in a policy, and most likely not meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.policy_base import split_address
from proxy.policy_llm import LlmModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.policy import Policy
    from proxy.policy_scoring import Scored

# Milliseconds that a large language model needs at least: a call is rarely faster than half a second.
LLM_BUDGET_MS = 1000
# Hosts that nobody else reaches.
_OWN = ("127.0.0.1", "::1", "localhost")


def policy_warnings(policy: Policy) -> tuple[str, ...]:
    """Return a sentence about everything that an operator should look at again."""
    return (
        *_unkeyed_digests(policy),
        *_open_listeners(policy),
        *_hurried_llms(policy),
        *_proof_for_a_while(policy),
    )


def _unkeyed_digests(policy: Policy) -> Iterator[str]:
    if policy.cache.redis is not None and policy.secret is None:
        yield "without a secret, who reads Redis can test whether a known query or text is there"


def _open_listeners(policy: Policy) -> Iterator[str]:
    api, feedback = policy.rerank_api, policy.feedback
    if api is not None and api.api_key is None and _is_reached(api.listen):
        yield "without rerank_api.api_key, whoever reaches it may use it"
    if feedback is not None and feedback.api_key is None and _is_reached(feedback.listen):
        yield "without feedback.api_key, whoever reaches it may say what was of use"


def _is_reached(listen: str) -> bool:
    """Say whether others than this machine get there."""
    return split_address(listen)[0] not in _OWN


def _hurried_llms(policy: Policy) -> Iterator[str]:
    """Yield where a large language model is given less time than it takes: it would be late, and cost."""
    asked: list[tuple[str, Scored, float]] = [
        (f"rules[{place}]", rule, rule.budget_ms)
        for place, rule in enumerate(policy.rules)
        if rule.mode != "off"
    ]
    if policy.rerank_api is not None:
        asked.append(("rerank_api", policy.rerank_api, policy.rerank_api.budget_ms))
    for where, scored, budget_ms in asked:
        llms = [name for name in scored.rerank if isinstance(policy.models.get(name), LlmModel)]
        if llms and budget_ms < LLM_BUDGET_MS:
            yield (
                f"{where}: budget_ms is {budget_ms:g}, and {', '.join(llms)} takes a second or more: answers "
                "will be late, and paid for all the same; such models are for `midrank rerank`"
            )


def _proof_for_a_while(policy: Policy) -> Iterator[str]:
    """Yield what is proven, and lost with the process."""
    if policy.record is not None and policy.secret is None:
        yield "without a secret, records don't tell whether a query or a text is one of an earlier start"
    guard = policy.harm_guard
    if guard is not None and guard.auto_off and guard.file is None:
        yield "without harm_guard.file, every start reranks collections again that were switched off for harm"
    if guard is not None and guard.auto_off and guard.probes is None:
        if guard.reference is None:
            yield "harm_guard without probes or a reference: what is switched off comes back by a reset alone"
        elif not guard.recheck_share:
            yield "with harm_guard.recheck_share of 0, what is switched off comes back by a reset alone"
    if guard is not None and guard.reference is not None:
        own = [place for place, rule in enumerate(policy.rules) if guard.reference in rule.rerank]
        if own:
            yield f"harm_guard.reference also reranks in rules[{own[0]}]: there it agrees with itself"
