"""Models for the engine that do in a thread what they are told: wait, fail, lie, count."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Doubling:
    """Returns every number twice as large, and keeps the batches it was given."""

    batches: list[tuple[int, ...]] = field(default_factory=list)
    batch_size: int = 1

    def size(self, item: int) -> int:
        return item

    def run(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(tuple(items))
        return [2 * item for item in items]

    def interrupt(self) -> None:
        pass


@dataclass
class Gated(Doubling):
    """Waits in every call until it is let through; `entered` counts the calls that have begun."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    passes: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    counting: threading.Lock = field(default_factory=threading.Lock)
    interrupts: int = 0
    inside: int = 0
    most_inside: int = 0

    def run(self, items: Sequence[int]) -> Sequence[int]:
        with self.counting:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        self.entered.release()
        self.passes.acquire()
        with self.counting:
            self.inside -= 1
        return super().run(items)

    def interrupt(self) -> None:
        self.interrupts += 1

    def let_through(self, calls: int = 1) -> None:
        self.passes.release(calls)


class Failing(Doubling):
    """Raises at negative numbers."""

    def run(self, items: Sequence[int]) -> Sequence[int]:
        if min(items) < 0:
            raise ArithmeticError("negative")
        return super().run(items)


class Lying(Doubling):
    """Returns one output too few."""

    def run(self, items: Sequence[int]) -> Sequence[int]:
        return super().run(items)[1:]
