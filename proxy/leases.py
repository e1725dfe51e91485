"""Parts that policies share when one takes over from another: what is described alike lives on.

A model keeps what it has learnt, a cache its scores and a store its connections, as long as one policy in use
describes them in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


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


class Leases:
    """The parts that are in use in a process."""

    def __init__(self) -> None:
        self._all: list[_Held] = []

    def holding(self) -> Holding:
        """Return what one policy holds: nothing yet."""
        return Holding(self._all)


class Holding:
    """The parts that one policy uses."""

    def __init__(self, everyones: list[_Held]) -> None:
        self._everyones = everyones
        self._own: list[_Held] = []
        self._made: list[Part] = []

    def take(self, kind: str, described: object, make: Callable[[], T]) -> T:
        """Return the part that somebody holds under an equal description, or a new one.

        All parts of a kind are of one type.
        """
        for held in self._everyones:
            if held.kind == kind and held.described == described:
                if held not in self._own:
                    held.holders += 1
                    self._own.append(held)
                return held.part  # type: ignore[return-value]  # a kind has one type
        part = make()
        held = _Held(kind, described, part)
        self._everyones.append(held)
        self._own.append(held)
        self._made.append(part)
        return part

    def made(self, part: Part) -> bool:
        """Say whether this holder made a part, and so is the one to start it."""
        return any(one is part for one in self._made)

    async def release(self, *kinds: str) -> None:
        """Close what nobody else holds: kind by kind, and of each kind what was taken first."""
        assert {held.kind for held in self._own} <= set(kinds), "every kind has its turn"
        for kind in kinds:
            for held in [one for one in self._own if one.kind == kind]:
                self._own.remove(held)
                held.holders -= 1
                if not held.holders:
                    self._everyones.remove(held)
                    await held.part.close()
