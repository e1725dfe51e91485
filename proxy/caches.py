"""All that one process keeps of its searches: where, around which model, and what an operator sees of it."""

from __future__ import annotations

import logging
import secrets
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.cache.layered import LayeredCache
from proxy.cache.memory import MemoryCache
from proxy.cache.redis import RedisCache
from proxy.cache.redis_settings import RedisSettings
from proxy.errors import BadConfig, Unscored
from proxy.leases import Leases
from proxy.scoring.near_guards import ALL, Guard
from proxy.scoring.near_queries import NearQueries
from proxy.scoring.query_embedder import QueryEmbedder
from proxy.scoring.score_cache import ScoreCache
from proxy.scoring.semantic_cache import NearRules, SemanticCache
from proxy.scoring.shared_queries import SharedQueries

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from proxy.cache.base import Cache
    from proxy.leases import Holding
    from proxy.policy import Policy
    from proxy.policy_cache import CacheSettings, Semantic
    from proxy.policy_cache import RedisSettings as RedisPolicy
    from proxy.policy_scoring import Scoring
    from proxy.scoring.base import Tier
    from proxy.scoring.semantic_cache import Queries

_log = logging.getLogger(__name__)

# How figures of several semantic caches around a model are told as one; others are added up.
_WORST: dict[str, Callable[[float, float], float]] = {"near_threshold": min, "near_false_hit_rate": max}


class Caches:
    """The caches of a process; with a policy that keeps nothing it hands out the models as they are."""

    def __init__(self, policy: Policy, models: Mapping[str, Tier], holding: Holding | None = None) -> None:
        """Take the models; what `holding` can share is shared."""
        self._settings = policy.cache
        self._models = models
        self._holding = holding = holding or Leases().holding()
        kept = any(map(_keeps, policy.scorings))
        self._storage = holding.take(
            "storage", (policy.cache, policy.secret, kept), lambda: _Storage(policy, kept=kept)
        )
        self.secret = self._storage.secret
        self._exact: dict[str, ScoreCache] = {}
        self._semantic: dict[tuple[str, Semantic], SemanticCache] = {}
        wanted = [scoring.cache.semantic for scoring in policy.scorings]
        embed = kept and any(semantic is not None and semantic.embed for semantic in wanted)
        self._embedder = holding.take("embedder", None, QueryEmbedder) if embed else None

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return self._storage.cache is not None

    def tiers(self, scoring: Scoring) -> Mapping[str, Tier]:
        """Return the models of a rule, by name, with the caches that it wants around them."""
        return {name: self._tier(name, scoring) for name in scoring.models}

    async def start(self) -> None:
        """Get ready in the background."""
        if self._holding.made(self._storage) and self._storage.cache is not None:
            await self._storage.cache.start()

    def load(self) -> asyncio.Task[None] | None:
        """Load the model that embeds queries, if some rule wants one that is not loaded yet.

        Without it they are only not reused.
        """
        if self._embedder is None or not self._holding.made(self._embedder):
            return None
        return self._holding.load(self._embedder, _load(self._embedder), "load query embedder")

    async def close(self) -> None:
        """Let go of everything that nobody else holds."""
        await self._holding.release("semantic", "exact", "embedder", "storage")

    async def clear(self) -> bool:
        """Forget all scores and queries, for all who share them; False if these can't be told yet."""
        return await self._storage.clear()

    def stats(self) -> Mapping[str, object]:
        """Return what there is to tell about what is kept and how it is used, in groups."""
        figures = self.model_figures()
        return {
            **self.storage_figures(),
            **{
                name: {key: value for key, value in told.items() if key.startswith(("cache_", "near_"))}
                for name, told in figures.items()
            },
        }

    def storage_figures(self) -> dict[str, Mapping[str, float]]:
        """Return the figures of what holds scores and queries, by its name."""
        figures: dict[str, Mapping[str, float]] = {}
        if self._storage.memory is not None:
            figures["memory"] = self._storage.memory.figures()
        if self._storage.redis is not None:
            figures["redis"] = self._storage.redis.figures()
        if self._semantic:
            figures["near_queries"] = self._storage.near.figures()
        return figures

    def model_figures(self) -> dict[str, Mapping[str, float]]:
        """Return the figures of every model and of the caches around it, by the model's name."""
        figures = {
            name: dict((self._exact.get(name) or model).figures()) for name, model in self._models.items()
        }
        for (name, _), cache in self._semantic.items():
            told = figures[name]
            for figure, value in cache.figures().items():
                # Rules may have semantic caches of their own around a model: the worst of them is told.
                together: Callable[[float, float], float] = _WORST.get(figure, add)
                told[figure] = together(told[figure], value) if figure in told else value
        embedder = {"query-embedder": self._embedder.figures()} if self._embedder is not None else {}
        return {**figures, **embedder}

    def _tier(self, name: str, scoring: Scoring) -> Tier:
        storage = self._storage
        if (cache := storage.cache) is None or not _keeps(scoring):
            return self._models[name]
        if name not in self._exact:
            model = self._models[name]
            self._exact[name] = self._holding.take(
                "exact",
                (model, storage),
                lambda: ScoreCache(model, cache, ttl=self._settings.ttl_s, secret=storage.secret),
            )
        exact, semantic = self._exact[name], scoring.cache.semantic
        if semantic is None:
            return exact
        if (name, semantic) not in self._semantic:
            embedder = self._embedder if semantic.embed else None
            self._semantic[name, semantic] = self._holding.take(
                "semantic",
                (exact, semantic, embedder),
                lambda: SemanticCache(exact, storage.queries, _near_rules(semantic), embedder=embedder),
            )
        return self._semantic[name, semantic]


async def _load(embedder: QueryEmbedder) -> None:
    try:
        await embedder.start()
    except (BadConfig, Unscored) as error:
        _log.error("query embedder failed to load", extra={"why": str(error)})


def _near_rules(semantic: Semantic) -> NearRules:
    return NearRules(
        threshold=semantic.threshold,
        min_coverage=semantic.min_coverage,
        guards=ALL - set(map(Guard, semantic.skip_guards)),
        audit=semantic.audit,
        max_false_hit_rate=semantic.max_false_hit_rate,
    )


def _keeps(scoring: Scoring) -> bool:
    return scoring.cache.exact != "off"


def _secret(policy: Policy) -> bytes:
    """Return what keys all digests: the policy's, or one that ends with the process if nobody shares them."""
    if policy.secret is not None:
        return policy.secret.get_secret_value().encode()
    return secrets.token_bytes() if policy.cache.redis is None else b""


class _Storage:
    """Where scores and queries are kept: in memory, in Redis, in both; `cache` is None where they are not."""

    def __init__(self, policy: Policy, *, kept: bool) -> None:
        settings = policy.cache
        self.secret = _secret(policy)
        self.memory = MemoryCache(settings.memory_mb * 2**20) if kept and settings.memory_mb else None
        self.redis = (
            RedisCache(redis_settings(settings.redis, settings), self.secret)
            if kept and settings.redis
            else None
        )
        self.cache: Cache | None = self.memory or self.redis
        if self.memory is not None and self.redis is not None:
            self.cache = LayeredCache(self.memory, self.redis, ttl=settings.ttl_s)
        self.near = NearQueries(settings.near_queries, settings.ttl_s)
        self.queries: Queries = self.near
        if self.redis is not None:
            self.queries = SharedQueries(self.near, self.redis.feed)
            self.redis.when_cleared(self.near.clear)

    async def clear(self) -> bool:
        self.near.clear()
        return self.cache is None or await self.cache.clear()

    async def close(self) -> None:
        if self.cache is not None:
            await self.cache.close()


def redis_settings(policy: RedisPolicy, settings: CacheSettings) -> RedisSettings:
    """Return how to use the Redis of a policy."""
    return RedisSettings(
        url=policy.url,
        username=policy.username,
        password=_open(policy.password),
        sentinel_username=policy.sentinel_username,
        sentinel_password=_open(policy.sentinel_password),
        prefix=policy.prefix,
        timeout=policy.timeout_ms / 1000,
        sync_seconds=policy.sync_seconds,
        ca_file=_path(policy.ca_file),
        cert_file=_path(policy.cert_file),
        key_file=_path(policy.key_file),
        feed_length=settings.near_queries,
        feed_seconds=settings.ttl_s,
    )


def _open(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _path(name: str | None) -> Path | None:
    return Path(name) if name is not None else None
