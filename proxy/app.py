"""The composition root: a policy becomes codecs, scorers, pipelines and listeners; start, drain, stop.

Listeners open first and pass everything through; models load behind them: the app never waits for midrank.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, assert_never

from proxy import telemetry as names
from proxy.breakers import Breakers
from proxy.caches import Caches
from proxy.codecs.chroma import ChromaCodec, ChromaNameBook
from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import TextFields
from proxy.errors import BadConfig
from proxy.figures import CACHE_FIGURES, MODEL_FIGURES
from proxy.listeners.admin import AdminListener
from proxy.listeners.http import HttpListener
from proxy.names import CollectionNames
from proxy.pipeline import Pipeline
from proxy.policy import (
    ChromaStore,
    QdrantStore,
)
from proxy.policy_base import split_address
from proxy.proof import Proof, in_steps
from proxy.pulse import Pulse
from proxy.rerank_front import RerankFront
from proxy.scorers import build_scorer
from proxy.scoring.cascade import Cascade
from proxy.scoring.race import Race
from proxy.scoring.ranker import Ranker
from proxy.scoring.tiers import Tiers
from proxy.scoring.traced import Traced
from proxy.scoring.warm_up import Learner
from proxy.tasks import Tasks
from proxy.telemetry import Telemetry
from proxy.upstream.http import HttpUpstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxy.codecs.base import Codec, FieldsOf
    from proxy.evidence.evidence import Evidence
    from proxy.model import WireRequest, WireResponse
    from proxy.policy import Policy, Store
    from proxy.policy_scoring import Scoring
    from proxy.proof import Steps
    from proxy.scoring.base import ModelScorer, Scorer, Tier
    from proxy.telemetry import Told

    Fetch = Callable[[WireRequest], Awaitable[WireResponse]]

# Seconds that an exporter waits for the figures of the models.
FIGURES_TIMEOUT = 1.0

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
        """Keep the policy; `scorers` stand in for models of the same name, for tests."""
        self._policy = policy
        self._telemetry = telemetry or Telemetry()
        made = {
            name: (scorers or {}).get(name) or build_scorer(name, policy.models[name])
            for name in policy.used_models
        }
        self._scorers = {name: Traced(scorer, self._telemetry) for name, scorer in made.items()}
        self._breakers = Breakers(policy, self._scorers)
        self._learners = {name: scorer for name, scorer in made.items() if isinstance(scorer, Learner)}
        self._rankers: dict[Scoring, Ranker] = {}
        self._stores: dict[str, _StoreFront] = {}
        self._rerank_api: RerankFront | None = None
        self.caches = Caches(policy, self._breakers.tiers)
        self._proof = Proof(policy, self._rankers)
        self._admin = (
            AdminListener(
                policy.admin.listen,
                self._breakers.states,
                self.caches if self.caches.exist else None,
                details=self.model_details,
                evidence=self._proof if self._proof.exists else None,
            )
            if policy.admin
            else None
        )
        self._pulse = Pulse()
        self._loading = Tasks()
        self._loads: list[asyncio.Task[None]] = []

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        """The bound host and port of every store's listener, by store name."""
        return {name: front.listener.address for name, front in self._stores.items()}

    @property
    def rerank_api_address(self) -> tuple[str, int] | None:
        """The bound host and port of the rerank API, if the policy has one."""
        return self._rerank_api.address if self._rerank_api else None

    @property
    def feedback_address(self) -> tuple[str, int] | None:
        """The bound host and port of the feedback listener, if the policy has one."""
        return self._proof.feedback_address

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """The bound host and port of the admin listener, if the policy has one."""
        return self._admin.address if self._admin else None

    def model_details(self) -> dict[str, Mapping[str, object]]:
        """Say of every model in use its figures, and why it is left alone, if it is."""
        alone = self._breakers.details()
        return {
            name: {**alone.get(name, {}), "figures": figures}
            for name, figures in self.model_figures().items()
        }

    def model_figures(self) -> dict[str, Mapping[str, float]]:
        """Say of every model in use what it tells about itself, see `figures.MODEL_FIGURES`."""
        return self.caches.model_figures()

    async def evidence(self) -> Mapping[str, object]:
        """Return what is known of what reranking is good for, as JSON can hold it."""
        return await self._proof.evidence()

    def reset(self, store: str, collection: str) -> bool:
        """Forget what the harm guard knows of a collection; False if that is nothing."""
        return self._proof.reset(store, collection)

    def ranker(self, scoring: Scoring) -> Ranker:
        """Return what ranks by a scoring of the policy's, once started: for who has candidates of his own."""
        return self._rankers[scoring]

    async def start(self) -> None:
        """Open the listeners, then load the models behind them.

        Raises:
            BadConfig: an address can't be bound.
        """
        for scoring in self._policy.scorings:
            self._rankers[scoring] = Ranker(stack(scoring, self.caches.tiers(scoring)))
        self._loading.spawn(self._pulse.run(), "pulse")
        await self.caches.start()
        asked = partial(partial, self._asked, asyncio.get_running_loop())
        self._telemetry.watch(
            MODEL_FIGURES, (names.RERANKER_MODEL,), asked(lambda: _by_name(self.model_figures()))
        )
        self._telemetry.watch(
            CACHE_FIGURES, (names.CACHE,), asked(lambda: _by_name(self.caches.storage_figures()))
        )
        self._proof.watch(self._telemetry, asked)
        shared = _Shared(
            self._rankers,
            self._telemetry,
            self._learners,
            self._pulse,
            self._proof.live,
            self.caches.secret,
        )
        try:
            await self._proof.start()
            for store in self._policy.stores:
                self._stores[store.name] = front = _StoreFront(store, self._policy, shared)
                await front.start()
                where = "{}:{}".format(*front.listener.address)
                _log.info("listening", extra={"store": store.name, "at": where, "upstream": store.upstream})
            if self._policy.rerank_api:
                self._rerank_api = RerankFront(
                    self._policy,
                    self._rankers[self._policy.rerank_api.scoring],
                    states=self._breakers.states,
                    telemetry=self._telemetry,
                    pulse=self._pulse,
                    secret=self.caches.secret,
                )
                await self._rerank_api.start()
            if self._admin:
                await self._admin.start()
                _log.info("admin listening", extra={"at": "{}:{}".format(*self._admin.address)})
        except BadConfig:
            await self.close()
            raise
        self._loads = [
            self._loading.spawn(self._load(name, scorer), f"load {name}")
            for name, scorer in self._scorers.items()
        ]
        self._loads.append(self._loading.spawn(self.caches.load(), "load query embedder"))

    async def loaded(self) -> None:
        """Wait until every model is ready or has failed."""
        await asyncio.gather(*self._loads, return_exceptions=True)

    async def close(self, drain: float = 0.0) -> None:
        """Stop listening, give requests under way `drain` seconds, then let go of everything."""
        closing = [front.close(drain) for front in self._stores.values()]
        if self._rerank_api:
            closing.append(self._rerank_api.close(drain))
        await asyncio.gather(*closing)
        self._stores, self._rerank_api = {}, None
        if self._admin:
            await self._admin.close()
        await self._proof.close(drain)
        await self._loading.close()
        await self._breakers.close()
        # Models first: closing one lets go of what its rankers still wait for.
        for scorer in self._scorers.values():
            await scorer.close()
        for ranker in self._rankers.values():
            await ranker.close()
        await self.caches.close()

    def _asked(self, loop: asyncio.AbstractEventLoop, figures: Callable[[], Steps]) -> Told:
        """Ask on the event loop, where figures change, and wait in the calling thread; nothing if gone."""
        answer: Future[Told] = Future()

        async def ask() -> None:
            answer.set_result(dict([step async for step in in_steps(figures())]))

        try:
            loop.call_soon_threadsafe(lambda: self._loading.spawn(ask(), "figures"))
            return answer.result(FIGURES_TIMEOUT)
        except (TimeoutError, RuntimeError):
            return {}

    async def _load(self, name: str, scorer: Traced) -> None:
        _log.info("model loading", extra={"model": name})
        try:
            await scorer.start()
        except BadConfig as error:
            # Its words are about files and settings, and safe to log.
            _log.error("model failed to load", extra={"model": name, "why": str(error)})
        else:
            _log.info("model ready", extra={"model": name})


def _by_name(figures: Mapping[str, Mapping[str, float]]) -> Steps:
    return (((name,), told) for name, told in figures.items())


class _Shared(NamedTuple):
    """What the fronts of all stores use together."""

    rankers: Mapping[Scoring, Ranker]
    telemetry: Telemetry
    learners: Mapping[str, Learner]
    pulse: Pulse
    evidence: Evidence
    secret: bytes


class _StoreFront:
    """What stands in front of one store."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        shared: _Shared,
    ) -> None:
        self._upstream = HttpUpstream(store.upstream, silence_timeout=store.timeout_s)
        codec, names = _codec(store, policy, self._upstream.fetch)
        self._pipeline = Pipeline(
            store=store.name,
            policy=policy,
            codec=codec,
            names=names,
            fetch=self._upstream.fetch,
            rankers=shared.rankers,
            telemetry=shared.telemetry,
            learners=shared.learners,
            pulse=shared.pulse,
            evidence=shared.evidence,
            secret=shared.secret,
        )
        host, port = split_address(store.listen)
        self.listener = HttpListener(self._pipeline, self._upstream, host=host, port=port, name=store.name)

    async def start(self) -> None:
        await self._upstream.start()
        await self.listener.start()

    async def close(self, drain: float) -> None:
        await self.listener.close(drain)
        await self._pipeline.close()
        await self._upstream.close()


def _codec(store: Store, policy: Policy, fetch: Fetch) -> tuple[Codec, CollectionNames]:
    """Return the codec of a store and the names that its collections go by."""
    match store:
        case ChromaStore():
            told_apart = {*store.text, *(rule.match.collection for rule in policy.rules)} - {"*"}
            names = CollectionNames(
                ChromaNameBook(), fetch, needed=bool(told_apart), wanted=policy.proves_something
            )
            return ChromaCodec(_fields_of(store, names)), names
        case QdrantStore():
            names = CollectionNames(None, fetch)
            options = QdrantOptions(
                batch=store.batch,
                prefetch_overfetch=store.prefetch_overfetch,
                rescored_prefetch=store.rescored_prefetch,
            )
            return QdrantHttpCodec(_fields_of(store, names), options), names
        case _:
            assert_never(store)


def _fields_of(store: Store, names: CollectionNames) -> FieldsOf:
    """Return what tells the text fields of a collection by its id or name."""
    rules = [(glob, TextFields(text.fields, text.join)) for glob, text in store.text.items()]

    def fields_of(collection: str) -> TextFields:
        name = names.name(collection)
        return next((fields for glob, fields in rules if fnmatchcase(name, glob)), TextFields())

    return fields_of


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
