"""The breakers of a process: around which models, by which rules, and what an operator sees of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxy.leases import Leases
from proxy.scoring.breaker import BreakerRules, State
from proxy.scoring.guarded import Guarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.leases import Holding
    from proxy.policy import Model, Policy
    from proxy.policy_breaker import BreakerSettings
    from proxy.scoring.base import Tier
    from proxy.scoring.traced import Traced

# Kinds of models that are late for reasons of their own. A local one is late because there is much to do: its
# engine refuses what is too much, and leaving it alone would only move the load.
_REMOTE = frozenset(("remote", "llm"))
# Share of slow calls at which these are left alone, where the policy says nothing.
_SLOW_RATE = 0.8


class Breakers:
    """The models of a process, each with the breaker that the policy wants for it, if any."""

    def __init__(self, policy: Policy, models: Mapping[str, Traced], holding: Holding | None = None) -> None:
        """Take the models; breakers that `holding` can share are shared."""
        self._models = models
        holding = holding or Leases().holding()
        self._guarded = {
            name: holding.take("breaker", (model, rules), partial(Guarded, model, rules))
            for name, model in models.items()
            if (rules := _rules(policy, policy.models[name])) is not None
        }

    @property
    def tiers(self) -> Mapping[str, Tier]:
        """The models, behind their breakers."""
        return {**self._models, **self._guarded}

    def states(self) -> dict[str, str]:
        """Say of every model if it is `warming`, `failed`, `ready` or, left alone, `open` or `half_open`."""
        return {name: self._state(name, model) for name, model in self._models.items()}

    def details(self) -> dict[str, dict[str, object]]:
        """Say of every model that is left alone why, and in how many seconds it is tried again."""
        return {
            name: {"reason": guarded.reason, "next_try_s": round(guarded.pause_left, 3)}
            for name, guarded in self._guarded.items()
            if guarded.state is not State.CLOSED
        }

    def _state(self, name: str, model: Traced) -> str:
        if model.failed:
            return "failed"
        if not model.ready:
            return "warming"
        guarded = self._guarded.get(name)
        return "ready" if guarded is None or guarded.state is State.CLOSED else guarded.state.name.lower()


def _rules(policy: Policy, model: Model) -> BreakerRules | None:
    settings: BreakerSettings = model.breaker or policy.breaker
    if not settings.enabled:
        return None
    slow_rate = settings.slow_rate
    if slow_rate is None and (model.kind in _REMOTE or settings.slow_ms is not None):
        slow_rate = _SLOW_RATE
    return BreakerRules(
        failure_rate=settings.failure_rate,
        slow_rate=slow_rate,
        slow_seconds=None if settings.slow_ms is None else settings.slow_ms / 1000,
        window=settings.window_s,
        min_calls=settings.min_calls,
        first_pause=settings.open_s,
        longest_pause=settings.max_open_s,
    )
