"""Parts that policies share when one takes over from another: what is described alike lives on.

A model keeps what it has learnt, a cache its scores and a store its connections, as long as one policy in use
describes them in the same way. That goes for loading, too: a model that one policy has begun to load is
loaded for all who hold it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from proxy.tasks import Tasks

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine


class Part(Protocol):
    """What is shared."""

    async def close(self) -> None:
        """Let go of everything; called once, with the last who holds it."""
        ...


T = TypeVar("T", bound=Part)


@dataclass(eq=False, slots=True)
class _Held:
    kind: str
    described: object
    part: Part
    holders: int = 1
    loading: Tasks = field(default_factory=Tasks)

    async def close(self) -> None:
        await self.loading.close()
        await self.part.close()


class Leases:
    """The parts that are in use in a process."""

    def __init__(self) -> None:
        self._all: list[_Held] = []

    def __len__(self) -> int:
        """Count the parts."""
        return len(self._all)

    def holding(self) -> Holding:
        """Return what one policy holds: nothing yet."""
        return Holding(self._all)


class Holding:
    """The parts that one policy uses."""

    def __init__(self, everyones: list[_Held]) -> None:
        self._everyones = everyones
        self._own: list[_Held] = []
        self._made: list[_Held] = []

    def take(
        self,
        kind: str,
        described: object,
        make: Callable[[], T],
        usable: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Return the usable part that somebody holds under an equal description, or a new one.

        All parts of a kind are of one type.
        """
        for held in self._everyones:
            if held.kind == kind and held.described == described and usable(held.part):  # type: ignore[arg-type]  # a kind has one type
                if held not in self._own:
                    held.holders += 1
                    self._own.append(held)
                return held.part  # type: ignore[return-value]  # a kind has one type
        part = make()
        held = _Held(kind, described, part)
        self._everyones.append(held)
        self._own.append(held)
        self._made.append(held)
        return part

    def made(self, part: Part) -> bool:
        """Say whether this holder made a part, and so is the one to start it."""
        return any(held.part is part for held in self._made)

    def load(self, part: Part, loading: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Load a part of its own behind everything else; it goes on as long as anybody holds the part."""
        return next(held for held in self._own if held.part is part).loading.spawn(loading, name)

    async def release(self, *kinds: str) -> None:
        """Close what nobody else holds: kind by kind, and of each kind what was taken first.

        What one part raises leaves when the others are closed.
        """
        assert {held.kind for held in self._own} <= set(kinds), "every kind has its turn"
        mine = [held for kind in kinds for held in self._own if held.kind == kind]
        self._own, self._made = [], []
        async with AsyncExitStack() as closing:  # which calls what came last first
            for held in reversed(mine):
                held.holders -= 1
                if not held.holders:
                    self._everyones.remove(held)
                    closing.push_async_callback(held.close)
