"""The cache seam: bytes under keys, for a while. Nothing fails: whatever is wrong is a miss, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Bytes at the start of a key that all keys share which are asked for together: those of one query.
SHARED = 16


class Cache(Protocol):
    """A bounded map that forgets. Keys are digests of `SHARED` bytes or more; keys and values are opaque."""

    async def start(self) -> None:
        """Get ready in the background; an unreachable server is no reason to wait, or to fail."""
        ...

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values, parallel to `keys`; None for one that is not known, or not in time."""
        ...

    def put_many(self, items: Mapping[bytes, bytes], ttl: float) -> None:
        """Keep the values for `ttl` seconds, soon; what there is no room for is dropped."""
        ...

    async def clear(self) -> bool:
        """Forget everything, for all who share it; False if these can't be told yet, but will be."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what it can tell about itself, by the names of `figures.CACHE_FIGURES`."""
        ...

    async def close(self) -> None:
        """Stop; what has not been kept yet is lost."""
        ...


class Feed(Protocol):
    """Messages that reach every replica, the sender among them or not; some may be lost, none is made up."""

    def subscribe(self, hear: Callable[[bytes], None]) -> None:
        """Have all messages of the others told, and what is kept of before; called once, before the start."""
        ...

    def publish(self, message: bytes) -> None:
        """Tell the others, soon."""
        ...
