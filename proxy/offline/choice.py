"""What a run uses of a policy: one rule, its models, and no store; and the purse that pays for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake
from proxy.policy import Policy, Rule
from proxy.scorers import build_scorer
from proxy.scoring.llm.spending import Spender

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.policy_scoring import Scoring
    from proxy.scoring.base import ModelScorer
    from proxy.scoring.llm.spending import Purse


def chosen_rule(
    policy: Policy,
    number: int | None,
    models: Sequence[str],
    *,
    allowed: str = "a rule that is not off, or --models",
) -> Rule:
    """Return the rule of a number, from 1 on, or the first that is not off; with other models if named.

    `allowed` is what the command takes in place of a rule that is off.

    Raises:
        BadConfig: there is no such rule, or no such model.
    """
    if number is not None and not 1 <= number <= len(policy.rules):
        raise _mistake("--rule", str(number), f"1 to {len(policy.rules)}, as `midrank check` numbers them")
    rules = policy.rules if number is None else policy.rules[number - 1 : number]
    rule = next((one for one in rules if one.mode != "off"), None)
    unknown = [name for name in models if name not in policy.models]
    if unknown:
        raise _mistake("--models", ", ".join(unknown), f"names under `models`: {', '.join(policy.models)}")
    if models:
        # As a new rule, so that it is checked as one: a race takes two models.
        return Rule.model_validate({**dict(rule or Rule()), "rerank": tuple(models), "strategy": "fit"})
    if rule is None:
        raise _mistake("--rule", "off", allowed)
    return rule


class OfflinePolicy(Policy):
    """A policy whose rules are of use though there are no stores."""

    @property
    def scorings(self) -> tuple[Scoring, ...]:
        """How something is scored: as the rules say."""
        return tuple(rule.scoring for rule in self.rules)


def without_stores(policy: Policy, *rules: Rule) -> OfflinePolicy:
    """Return the policy with these rules alone; it listens nowhere, and nobody watches."""
    alone = {"stores": (), "rules": rules, "admin": None, "rerank_api": None}
    unwatched = {"record": None, "feedback": None, "harm_guard": None}
    return OfflinePolicy.model_construct(**{**dict(policy), **alone, **unwatched})


def scorers_of(policy: Policy, purse: Purse, *, bounded: bool) -> Mapping[str, ModelScorer]:
    """Return the scorers of the models in use, which pay from `purse`; nothing is loaded yet.

    Raises:
        BadConfig: the cost is to be `bounded`, and that of a model isn't known.
    """
    scorers = {name: build_scorer(name, policy.models[name]) for name in policy.used_models}
    unpriced = []
    for name, scorer in scorers.items():
        if isinstance(scorer, Spender):
            scorer.spend_from(purse)
        priced = scorer.priced if isinstance(scorer, Spender) else policy.models[name].kind != "remote"
        if not priced:
            unpriced.append(
                Mistake("(policy)", f"models.{name}", "no prices", "prices of an llm, for --max-cost")
            )
    if bounded and unpriced:
        raise BadConfig(tuple(unpriced))
    return scorers


def _mistake(key: str, value: str, allowed: str) -> BadConfig:
    return BadConfig((Mistake("(command line)", key, value, allowed),))
