"""What stands in front of one store: its connections, its codec, its pipeline and its listener."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, assert_never

from proxy.codecs.chroma import ChromaCodec, ChromaNameBook
from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import TextFields
from proxy.listeners.http import HttpListener
from proxy.listeners.http_connection import HttpLimits
from proxy.names import CollectionNames
from proxy.pipeline import Pipeline
from proxy.places import Place
from proxy.policy import ChromaStore, QdrantStore
from proxy.policy_base import split_address
from proxy.upstream.http import HttpUpstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxy.codecs.base import Codec, FieldsOf
    from proxy.evidence.evidence import Evidence
    from proxy.leases import Holding
    from proxy.model import WireRequest, WireResponse
    from proxy.policy import Policy, Store
    from proxy.policy_scoring import Scoring
    from proxy.pulse import Pulse
    from proxy.scoring.ranker import Ranker
    from proxy.scoring.warm_up import Learner
    from proxy.telemetry import Telemetry

    Fetch = Callable[[WireRequest], Awaitable[WireResponse]]


class Shared(NamedTuple):
    """What the fronts of all stores use together."""

    rankers: Mapping[Scoring, Ranker]
    telemetry: Telemetry
    learners: Mapping[str, Learner]
    pulse: Pulse
    evidence: Evidence
    secret: bytes


class StoreFront:
    """One store's part of a policy at work."""

    def __init__(self, store: Store, policy: Policy, shared: Shared, holding: Holding) -> None:
        """Take the store, and what connections to it may be held already."""
        self.store = store
        self._holding = holding
        self._upstream = holding.take(
            "upstream",
            (store.upstream, store.timeout_s),
            lambda: HttpUpstream(store.upstream, silence_timeout=store.timeout_s),
        )
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
        self.listener = HttpListener(
            self._pipeline,
            self._upstream,
            host=host,
            port=port,
            name=store.name,
            limits=HttpLimits(connections=policy.limits.connections, searches=policy.limits.searches),
        )

    async def start(self, *, listen: bool) -> None:
        """Get ready to serve, and listen, unless the sockets come from elsewhere.

        Raises:
            BadConfig: the address can't be bound.
        """
        if self._holding.made(self._upstream):
            await self._upstream.start()
        if listen:
            await self.listener.start()

    def standing(self) -> dict[str, object]:
        """Return how it is, as JSON can hold it: who is connected, and if the store was there of late."""
        return {
            "kind": self.store.kind,
            "listens": str(Place(*self.listener.address)),
            "upstream": self.store.upstream,
            "connections": self.listener.connections,
            **self._upstream.sight.told(),
        }

    async def close(self) -> None:
        """Drop what nobody waits for; the listener and the connections are closed by their owner."""
        await self._pipeline.close()


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
