"""Memory in front of a cache that is shared: what memory knows, nobody is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.cache.memory import MemoryCache
    from proxy.cache.redis import RedisCache


class LayeredCache:
    """Both as one.

    Nobody asks the shared one how long it will keep what is found there: memory keeps it for half of `ttl`
    seconds. So what was put there with that `ttl` is forgotten after one and a half of it at the latest.
    """

    def __init__(self, memory: MemoryCache, shared: RedisCache, *, ttl: float) -> None:
        """Put one in front of the other; when the shared one is cleared, memory is too."""
        self._memory = memory
        self._shared = shared
        self._ttl_found = ttl / 2
        shared.when_cleared(memory.forget)

    async def start(self) -> None:
        """Start the shared one."""
        await self._shared.start()

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return what memory knows, and of the rest what the other one does."""
        values = await self._memory.get_many(keys)
        unknown = [index for index, value in enumerate(values) if value is None]
        if not unknown:
            return values
        found: dict[bytes, bytes] = {}
        shared = await self._shared.get_many([keys[index] for index in unknown])
        for index, value in zip(unknown, shared, strict=True):
            if value is not None:
                values[index] = found[keys[index]] = value
        self._memory.put_many(found, self._ttl_found)
        return values

    def put_many(self, items: Mapping[bytes, bytes], ttl: float) -> None:
        """Keep the values in both."""
        self._memory.put_many(items, ttl)
        self._shared.put_many(items, ttl)

    async def clear(self) -> bool:
        """Forget everything in both, which is to say in the memory of all who share the other one."""
        self._memory.forget()
        return await self._shared.clear()

    def figures(self) -> Mapping[str, float]:
        """Return the figures of both; hits are those of either, misses those of both."""
        memory, shared = self._memory.figures(), self._shared.figures()
        return {**memory, **shared, "hits": memory["hits"] + shared["hits"]}

    async def close(self) -> None:
        """Close both."""
        await self._shared.close()
        await self._memory.close()
