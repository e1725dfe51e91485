"""The engines that share a machine: idle work of one waits for the live work of all.

Each engine puts its own live jobs first. But two models in one policy have two engines on the same CPUs, and
what one does in its idle time would be taken from a search that the other is reading for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from collections.abc import MutableSet


class Sharing(Protocol):
    """An engine, as far as the others are concerned."""

    @property
    def live(self) -> bool:
        """Whether it has live work, waiting or under way."""
        ...

    def dispatch(self) -> None:
        """Begin what can be begun now."""
        ...


class Machine:
    """The engines of one event loop."""

    def __init__(self) -> None:
        self._engines: MutableSet[Sharing] = WeakSet()

    def join(self, engine: Sharing) -> None:
        """Take part."""
        self._engines.add(engine)

    def leave(self, engine: Sharing) -> None:
        """Take part no more."""
        self._engines.discard(engine)

    @property
    def live(self) -> bool:
        """Whether any engine has live work."""
        return any(engine.live for engine in self._engines)

    def calm(self) -> None:
        """Let all engines begin their idle work, now that no live work is left."""
        for engine in tuple(self._engines):
            engine.dispatch()


_MACHINES: WeakKeyDictionary[asyncio.AbstractEventLoop, Machine] = WeakKeyDictionary()


def this_machine() -> Machine:
    """Return the one of the running event loop."""
    return _MACHINES.setdefault(asyncio.get_running_loop(), Machine())
