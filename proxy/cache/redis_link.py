"""What the parts of a cache in Redis share: one server, one opinion of it, one count of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter

    from proxy.cache.breaker import Breaker
    from proxy.cache.redis_client import RedisClient
    from proxy.cache.redis_errors import Kind
    from proxy.cache.redis_settings import RedisSettings


class RedisLink(NamedTuple):
    """A Redis. `errors` counts what was asked of it in vain, by kind."""

    settings: RedisSettings
    client: RedisClient
    breaker: Breaker
    errors: Counter[Kind]
