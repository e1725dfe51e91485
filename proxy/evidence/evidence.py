"""What live traffic proves: how a call is treated for its sake, what is shown, and who is told.

The pipeline asks four things: how does this call stand, what is shown of its rankings, does anyone watch, and
"see what came of it". Nothing here waits, and nothing raises: proof is worth less than an answer.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from proxy.model import Outcome, Reason
from proxy.telemetry import trace_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.evidence.experiments import Arm, Experiments
    from proxy.evidence.feedback import Feedback
    from proxy.evidence.harm_guard import HarmGuard
    from proxy.evidence.shadow import ShadowStats
    from proxy.observation import Observation, Shown
    from proxy.plan import Plan
    from proxy.scoring.ranker import Ranked

EXCHANGE_HEADER = "x-midrank-exchange"
EXPERIMENT_HEADER = "x-midrank-experiment"

# Where these are the outcome, there are two orders to draw from.
_RANKED = frozenset((Outcome.RERANKED, Outcome.PARTIAL, Outcome.CACHED))

_log = logging.getLogger(__name__)


class Showing(NamedTuple):
    """The order that is shown of one search; of a drawn one, `teams` says whose turn each row was."""

    order: tuple[int, ...]
    teams: tuple[int, ...] | None = None


class Stand(NamedTuple):
    """How a call stands: what it is known by, and what is done to it for the sake of proof.

    `arm` is the side of its caller in an A/B test. `passed` is the reason for which it gets the store's own
    answer; it may be ranked `behind` that.
    """

    store: str = ""
    collection: str = ""
    exchange: str = ""
    trace: str = ""
    experiment: Literal["interleave", "control", "treatment"] | None = None
    arm: Arm | None = None
    passed: Reason | None = None
    behind: bool = False

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What its caller is told of that."""
        told = ((EXCHANGE_HEADER, self.exchange), (EXPERIMENT_HEADER, self.experiment))
        return tuple((name, value) for name, value in told if value)

    def after(self, showings: Sequence[Showing]) -> Stand:
        """Return the same once it is known what is shown: not every query of an experiment takes part."""
        drawn = any(showing.teams is not None for showing in showings)
        return self if drawn or self.experiment != "interleave" else self._replace(experiment=None)

    def shown(self, showing: Showing) -> Shown:
        """Return the word for what was shown of one of its searches."""
        if self.behind:
            return "shadow" if self.passed is Reason.SHADOW else "auto_off"
        return "reranked" if showing.teams is None else "interleaved"


# How a call stands that has nothing to do with proof.
UNPROVEN = Stand()


class Watcher(Protocol):
    """Who is told of every ranked search."""

    def tell(self, observation: Observation) -> None:
        """Take note; at once, as an answer waits."""
        ...


class Evidence:
    """The proof of one process."""

    def __init__(
        self,
        *,
        experiments: Experiments | None = None,
        feedback: Feedback | None = None,
        shadow: ShadowStats | None = None,
        guard: HarmGuard | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """Take the parts that the policy asks for; `watchers` are told of what all of these are told of."""
        self._experiments = experiments
        self._feedback = feedback
        self._shadow = shadow
        self._guard = guard
        parts = (feedback, guard)
        self._watchers: tuple[Watcher, ...] = (*(one for one in parts if one is not None), *watchers)

    def stand(self, store: str, collection: str, plan: Plan, headers: Mapping[str, str]) -> Stand:
        """Say how a call stands that could be reranked."""
        rule = plan.rule
        stand = Stand(store, collection)
        if self._watchers:
            stand = stand._replace(exchange=secrets.token_hex(8), trace=trace_id(headers))
        if rule.mode == "shadow":
            return stand._replace(passed=Reason.SHADOW, behind=True)
        if self._guard is not None and self._guard.off(store, collection):
            if any(search.text and self._guard.rechecks(search.text.text) for search in plan.searches):
                return stand._replace(passed=Reason.AUTO_OFF, behind=True)
            return Stand(passed=Reason.AUTO_OFF)
        if rule.experiment is None or self._experiments is None:
            return stand
        if rule.experiment.kind == "interleave":
            return stand._replace(experiment="interleave")
        arm = self._experiments.arm(rule, headers)
        if arm is None:
            return stand
        passed = Reason.CONTROL if arm.name == "control" else None
        return stand._replace(experiment=arm.name, arm=arm, passed=passed)

    def answered(self, stand: Stand) -> None:
        """Take note that a call got an answer of status 200, in whatever order.

        Both sides of an A/B test are counted here, so that what becomes of a search has no say in that.
        """
        if stand.arm is not None and self._feedback is not None:
            self._feedback.tell_arm(stand.exchange, stand.trace, stand.store, stand.collection, stand.arm)

    def show(self, stand: Stand, plan: Plan, ranked: Sequence[Ranked]) -> list[Showing]:
        """Return what is shown of the rankings of a call's searches."""
        showings = [Showing(one.order) for one in ranked]
        if stand.experiment != "interleave" or self._experiments is None:
            return showings
        for place, (one, search) in enumerate(zip(ranked, plan.searches, strict=True)):
            if search.text is not None and one.verdict.outcome in _RANKED:
                draft = self._experiments.draw(
                    plan.rule, stand.store, stand.collection, search.text.text, one.order
                )
                if draft is not None:
                    showings[place] = Showing(*draft)
        return showings

    def watches(self, stand: Stand) -> bool:
        """Say whether anyone wants to be told of a call's searches."""
        return bool(self._watchers) or (stand.behind and self._shadow is not None)

    def tell(self, observation: Observation) -> None:
        """Tell everyone of a ranked search."""
        behind = observation.shown in ("shadow", "auto_off")
        for watcher in (*self._watchers, *((self._shadow,) if behind and self._shadow is not None else ())):
            try:
                watcher.tell(observation)
            except Exception:  # noqa: BLE001 - whoever watches, the answer goes on
                # Nothing of the search is in the message: it may end up in a log.
                _log.exception("watcher failed", extra={"watcher": type(watcher).__name__})

    def shed(self, stand: Stand) -> None:
        """Take note that a ranking behind an answer was not made: there was too much to do."""
        if self._shadow is not None:
            self._shadow.shed(stand.store, stand.collection)
