"""One policy at work: all that it describes, built, started, handed over to by the policy before, and let go.

Of two policies that follow each other, what is described alike lives on: models, caches, connections. What
has begun under the first one ends under it.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, assert_never

from proxy.breakers import Breakers
from proxy.caches import Caches
from proxy.errors import BadConfig, Mistake
from proxy.listeners.feedback import FeedbackListener
from proxy.memory import limit_figures, share_figures
from proxy.policy_base import split_address
from proxy.proof import Proof, recorder
from proxy.rerank_front import rerank_listener
from proxy.scoring.cascade import Cascade
from proxy.scoring.race import Race
from proxy.scoring.ranker import Ranker
from proxy.scoring.tiers import Tiers
from proxy.scoring.traced import Traced
from proxy.scoring.warm_up import Learner
from proxy.store_front import Shared, StoreFront

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.leases import Holding
    from proxy.listeners.door import Door
    from proxy.named_files import Stamps
    from proxy.policy import Model, Policy
    from proxy.policy_scoring import Scoring
    from proxy.proof import Steps
    from proxy.pulse import Pulse
    from proxy.scoring.base import ModelScorer, Scorer, Tier
    from proxy.telemetry import Telemetry

# Kinds of shared parts, in the order in which they are let go of. Models come before their rankers: closing
# one lets go of what a ranker still waits for.
KINDS = (
    "proof",
    "recorder",
    "breaker",
    "model",
    "ranker",
    "semantic",
    "exact",
    "embedder",
    "storage",
    "upstream",
)

_log = logging.getLogger(__name__)


class Generation:
    """What one policy describes, from its listeners to its models."""

    def __init__(
        self,
        policy: Policy,
        holding: Holding,
        *,
        build: Callable[[str, Model], ModelScorer],
        telemetry: Telemetry,
        pulse: Pulse,
        files: Stamps,
    ) -> None:
        """Build everything, and open nothing; what `holding` can share is shared.

        What has read a file is shared for as long as the file's stamp among `files` is the same.

        Raises:
            BadConfig: some setting can't be followed.
        """
        self.policy = policy
        self._holding = holding
        self._files = files
        self._models = {
            name: holding.take(
                "model",
                (name, policy.models[name], files.get(f"models.{name}")),
                partial(_traced, build, name, policy.models[name], telemetry),
                usable=lambda model: not model.failed,
            )
            for name in policy.used_models
        }
        self._breakers = Breakers(policy, self._models, holding)
        self.caches = Caches(policy, self._breakers.tiers, holding)
        self._rankers = {scoring: self._ranker(scoring) for scoring in policy.scorings}
        self._recorder = (
            holding.take("recorder", (policy.record, policy.secret), partial(recorder, policy))
            if policy.record is not None
            else None
        )
        reference = policy.reference_scoring
        judge = self._rankers.get(reference) if reference is not None else None
        self.proof = holding.take(
            "proof", self._proof_terms(judge), lambda: Proof(policy, judge, self._recorder)
        )
        shared = Shared(
            self._rankers,
            telemetry,
            {name: one.inner for name, one in self._models.items() if isinstance(one.inner, Learner)},
            pulse,
            self.proof.live,
            self.caches.secret,
        )
        self._stores = [StoreFront(store, policy, shared, holding) for store in policy.stores]
        self._rerank_api = (
            rerank_listener(
                policy,
                self._rankers[policy.rerank_api.scoring],
                states=self.states,
                telemetry=telemetry,
                pulse=pulse,
                secret=self.caches.secret,
            )
            if policy.rerank_api is not None
            else None
        )
        self._feedback = (
            FeedbackListener(policy.feedback, self.proof.feedback)
            if policy.feedback is not None and self.proof.feedback is not None
            else None
        )
        self._loads: list[asyncio.Task[None]] = []

    @property
    def doors(self) -> dict[str, Door]:
        """What listens, by its address in the policy; at a port of no number, by who listens."""
        doors: dict[str, Door] = {
            _place(front.store.listen, f"store {front.store.name}"): front.listener for front in self._stores
        }
        if self._rerank_api is not None and self.policy.rerank_api is not None:
            doors[_place(self.policy.rerank_api.listen, "rerank_api")] = self._rerank_api
        if self._feedback is not None and self.policy.feedback is not None:
            doors[_place(self.policy.feedback.listen, "feedback")] = self._feedback
        return doors

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """The bound host and port of every store's listener, by store name."""
        return {front.store.name: front.listener.address for front in self._stores}

    @property
    def rerank_api_address(self) -> tuple[str, int] | None:
        """The bound host and port of the rerank API, if the policy has one."""
        return self._rerank_api.address if self._rerank_api else None

    @property
    def feedback_address(self) -> tuple[str, int] | None:
        """The bound host and port of the feedback listener, if the policy has one."""
        return self._feedback.address if self._feedback else None

    def states(self) -> dict[str, str]:
        """Say of every model how it is, see `Breakers.states`."""
        return self._breakers.states()

    def details(self) -> dict[str, Mapping[str, object]]:
        """Say of every model in use its figures, and why it is left alone, if it is."""
        alone = self._breakers.details()
        return {
            name: {**alone.get(name, {}), "figures": figures}
            for name, figures in self.caches.model_figures().items()
        }

    def stores(self) -> dict[str, Mapping[str, object]]:
        """Say of every store how it is, as JSON can hold it."""
        return {front.store.name: front.standing() for front in self._stores}

    def figures(self) -> dict[str, Callable[[], Steps]]:
        """Return what tells the figures of its parts, by the name of their table."""
        return {
            "models": lambda: _by_name(self.caches.model_figures()),
            "caches": lambda: _by_name(self.caches.storage_figures()),
            "connections": lambda: iter(
                ((front.store.name,), {"connections": front.listener.connections}) for front in self._stores
            ),
            "memory": lambda: limit_figures(self.policy),
            "shares": lambda: share_figures(self.policy),
            **self.proof.figures(),
        }

    def ranker(self, scoring: Scoring) -> Ranker:
        """Return what ranks by a scoring of the policy's."""
        return self._rankers[scoring]

    async def start(self, before: Generation | None = None) -> None:
        """Open what `before` has not open, and begin to load the models that it has not loaded.

        Raises:
            BadConfig: an address can't be bound, or proof can't be read. Nothing is closed then.
        """
        former = before.doors if before is not None else {}
        await self.caches.start()
        if self._recorder is not None and self._holding.made(self._recorder):
            self._recorder.start()
        if self._holding.made(self.proof):
            await self.proof.start(before.proof if before is not None else None)
        for front in self._stores:
            there = _place(front.store.listen, f"store {front.store.name}") in former
            await front.start(listen=not there)
        for place, door in self.doors.items():
            if place not in former and door in (self._rerank_api, self._feedback):
                await door.start()
        self._loads = [
            self._holding.load(model, _load(name, model), f"load {name}")
            for name, model in self._models.items()
            if self._holding.made(model)
        ]
        if (embedding := self.caches.load()) is not None:
            self._loads.append(embedding)

    async def loaded(self) -> None:
        """Wait until every model is ready or has failed."""
        await asyncio.gather(*self._loads, return_exceptions=True)

    def check_loaded(self) -> None:
        """See whether the models that this policy has brought along are there.

        Raises:
            BadConfig: one of them could not be loaded; the log says why.
        """
        mistakes = [
            Mistake("(policy)", f"models.{name}", "could not be loaded", "a model that loads; see the log")
            for name, model in self._models.items()
            if self._holding.made(model) and model.failed
        ]
        if mistakes:
            raise BadConfig(tuple(mistakes))

    async def succeed(self, former: Generation) -> None:
        """Answer from now on what comes in at the addresses of `former`, and know what it has found out."""
        if self.proof is not former.proof:
            await self.proof.succeed(former.proof)
        theirs = former.doors
        for place, door in self.doors.items():
            if place in theirs:
                door.succeed(theirs[place])

    def drain(self) -> None:
        """Have every answer ask its client to connect elsewhere."""
        for door in self.doors.values():
            door.drain()

    async def stop(self, patience: float) -> int:
        """Stop listening, unless somebody has taken over, and finish what has begun.

        Returns how many requests were cut off, as they took longer than `patience` seconds.
        """
        return sum(await asyncio.gather(*(door.close(patience) for door in self.doors.values())))

    async def close(self) -> None:
        """Cut off what is still under way, and let go of everything that no other policy uses."""
        await self.stop(0)
        fronts, self._stores, self._rerank_api, self._feedback = self._stores, [], None, None
        for front in fronts:
            await front.close()
        await self._holding.release(*KINDS)

    def _ranker(self, scoring: Scoring) -> Ranker:
        tiers = self.caches.tiers(scoring)
        return self._holding.take(
            "ranker", (scoring, tuple(tiers.values())), lambda: Ranker(stack(scoring, tiers))
        )

    def _proof_terms(self, judge: Ranker | None) -> object:
        """Return all that proof depends on."""
        policy = self.policy
        return (
            (policy.feedback, policy.harm_guard, policy.secret, self._files.get("harm_guard")),
            tuple((rule.match, rule.experiment) for rule in policy.rules if rule.experiment is not None),
            any(rule.mode == "shadow" for rule in policy.rules),
            (judge, self._recorder),
        )


def stack(scoring: Scoring, tiers: Mapping[str, Tier]) -> Scorer:
    """Return a rule's tiers as one scorer; each is asked by a `Tiers`, which notes what came of it."""
    *better, last = (tiers[name] for name in scoring.models)
    match scoring.strategy:
        case "fit":
            return Tiers([*better, last])
        case "race":
            return Race(Tiers(better), Tiers([last]))
        case "cascade":
            return Cascade(Tiers(better), Tiers([last]), top=scoring.cascade_top)
        case _:
            assert_never(scoring.strategy)


def _traced(
    build: Callable[[str, Model], ModelScorer], name: str, model: Model, telemetry: Telemetry
) -> Traced:
    return Traced(build(name, model), telemetry)


async def _load(name: str, model: Traced) -> None:
    _log.info("model loading", extra={"model": name})
    try:
        await model.start()
    except BadConfig as error:
        # Its words are about files and settings, and safe to log.
        _log.error("model failed to load", extra={"model": name, "why": str(error)})
    else:
        _log.info("model ready", extra={"model": name})


def _place(address: str, owner: str) -> str:
    return address if split_address(address)[1] else owner


def _by_name(figures: Mapping[str, Mapping[str, float]]) -> Steps:
    return (((name,), told) for name, told in figures.items())
