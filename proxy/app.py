"""The composition root: what runs in one process, and which policy is in use; start, reload, drain, stop.

Listeners open first and pass everything through; models load behind them: the app never waits for midrank.
A policy that takes over has its models loaded before: no search finds it cold.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from proxy import telemetry as names
from proxy.errors import BadConfig
from proxy.figures import (
    CACHE_FIGURES,
    FEEDBACK_FIGURES,
    HARM_FIGURES,
    MODEL_FIGURES,
    POST_FIGURES,
    RECORD_FIGURES,
    REFERENCE_FIGURES,
    SHADOW_FIGURES,
)
from proxy.generation import KINDS, Generation
from proxy.leases import Leases
from proxy.listeners.admin import AdminListener
from proxy.proof import in_steps
from proxy.pulse import Pulse
from proxy.scorers import build_scorer
from proxy.tasks import Tasks
from proxy.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.caches import Caches
    from proxy.leases import Holding
    from proxy.policy import Model, Policy
    from proxy.policy_scoring import Scoring
    from proxy.scoring.base import ModelScorer
    from proxy.scoring.ranker import Ranker
    from proxy.telemetry import Told

# Seconds that an exporter waits for the figures of the models.
FIGURES_TIMEOUT = 1.0
# Seconds that requests at an address which a new policy has no more may take to end.
RETIRED_DRAIN = 30.0

_COLLECTION = (names.STORE, names.DB_COLLECTION)
# The tables of figures by the names under which a generation tells them, and what tells their rows apart.
_TABLES = {
    "models": (MODEL_FIGURES, (names.RERANKER_MODEL,)),
    "caches": (CACHE_FIGURES, (names.CACHE,)),
    "shadow": (SHADOW_FIGURES, _COLLECTION),
    "feedback": (FEEDBACK_FIGURES, _COLLECTION),
    "harm": (HARM_FIGURES, _COLLECTION),
    "posts": (POST_FIGURES, ()),
    "reference": (REFERENCE_FIGURES, ()),
    "records": (RECORD_FIGURES, ()),
}

_log = logging.getLogger(__name__)


class App:
    """Everything that runs in one process."""

    def __init__(
        self,
        policy: Policy,
        *,
        scorers: Mapping[str, ModelScorer] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """Build what the policy describes; `scorers` stand in for models of the same name, for tests.

        Raises:
            BadConfig: some setting can't be followed.
        """
        self._stand_ins = scorers or {}
        self._telemetry = telemetry or Telemetry()
        self._pulse = Pulse()
        self._leases = Leases()
        self._now = self._generation(policy, self._leases.holding())
        self._admin = (
            AdminListener(
                policy.admin.listen,
                self.model_states,
                self.caches if self.caches.exist else None,
                details=self.model_details,
                evidence=self._now.proof if self._now.proof.exists else None,
            )
            if policy.admin
            else None
        )
        self._tasks = Tasks()
        self._reloading = asyncio.Lock()

    @property
    def policy(self) -> Policy:
        """The policy in use."""
        return self._now.policy

    @property
    def caches(self) -> Caches:
        """The caches in use."""
        return self._now.caches

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """The bound host and port of every store's listener, by store name; none once closed."""
        return self._now.addresses

    @property
    def rerank_api_address(self) -> tuple[str, int] | None:
        """The bound host and port of the rerank API, if the policy has one."""
        return self._now.rerank_api_address

    @property
    def feedback_address(self) -> tuple[str, int] | None:
        """The bound host and port of the feedback listener, if the policy has one."""
        return self._now.feedback_address

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """The bound host and port of the admin listener, if the policy has one."""
        return self._admin.address if self._admin else None

    def model_states(self) -> dict[str, str]:
        """Say of every model in use how it is, see `Breakers.states`."""
        return self._now.states()

    def model_details(self) -> dict[str, Mapping[str, object]]:
        """Say of every model in use its figures, and why it is left alone, if it is."""
        return self._now.details()

    def model_figures(self) -> dict[str, Mapping[str, float]]:
        """Say of every model in use what it tells about itself, see `figures.MODEL_FIGURES`."""
        return self.caches.model_figures()

    async def evidence(self) -> Mapping[str, object]:
        """Return what is known of what reranking is good for, as JSON can hold it."""
        return await self._now.proof.evidence()

    def reset(self, store: str, collection: str) -> bool:
        """Forget what the harm guard knows of a collection; False if that is nothing."""
        return self._now.proof.reset(store, collection)

    def ranker(self, scoring: Scoring) -> Ranker:
        """Return what ranks by a scoring of the policy's, once started: for who has candidates of his own."""
        return self._now.ranker(scoring)

    async def start(self) -> None:
        """Open the listeners, then load the models behind them.

        Raises:
            BadConfig: an address can't be bound.
        """
        self._tasks.spawn(self._pulse.run(), "pulse")
        loop = asyncio.get_running_loop()
        for table, (figures, labels) in _TABLES.items():
            self._telemetry.watch(figures, labels, partial(self._asked, loop, table))
        try:
            await self._now.start()
            if self._admin:
                await self._admin.start()
                _log.info("admin listening", extra={"at": "{}:{}".format(*self._admin.address)})
        except BadConfig:
            await self.close()
            raise

    async def loaded(self) -> None:
        """Wait until every model is ready or has failed."""
        await self._now.loaded()

    async def reload(self, policy: Policy) -> None:
        """Have another policy take over, once its models are loaded; what has begun ends as it began.

        Raises:
            BadConfig: it can't be followed; the policy in use stays.
        """
        async with self._reloading:
            before, holding = self._now, self._leases.holding()
            try:
                new = self._generation(policy, holding)
            except BaseException:
                await holding.release(*KINDS)
                raise
            try:
                await new.start(before)
                await new.loaded()
                new.check_loaded()
            except BaseException:
                await new.abandon(before)
                raise
            new.succeed(before)
            self._now = new
            self._tasks.spawn(before.retire(new, RETIRED_DRAIN), "retire policy")

    async def close(self, drain: float = 0.0) -> None:
        """Stop listening, give requests under way `drain` seconds, then let go of everything."""
        await self._now.close(drain)
        if self._admin:
            await self._admin.close()
        await self._tasks.close()

    def _generation(self, policy: Policy, holding: Holding) -> Generation:
        return Generation(policy, holding, build=self._build, telemetry=self._telemetry, pulse=self._pulse)

    def _build(self, name: str, model: Model) -> ModelScorer:
        return self._stand_ins.get(name) or build_scorer(name, model)

    def _asked(self, loop: asyncio.AbstractEventLoop, table: str) -> Told:
        """Ask on the event loop, where figures change, and wait in the calling thread; nothing if gone."""
        answer: Future[Told] = Future()

        async def ask() -> None:
            figures = self._now.figures().get(table)
            answer.set_result({} if figures is None else dict([step async for step in in_steps(figures())]))

        try:
            loop.call_soon_threadsafe(lambda: self._tasks.spawn(ask(), "figures"))
            return answer.result(FIGURES_TIMEOUT)
        except (TimeoutError, RuntimeError):
            return {}
