"""Exchanges for listeners under test: one that claims nothing, one that runs what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.model import Forward

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy.model import Reason, WireRequest, WireResponse


@dataclass
class PassAll:
    """Claims nothing; learns from the answers to the targets it is told of, and sees the writes to others."""

    teaching: frozenset[str] = frozenset()
    learnt: list[bytes] = field(default_factory=list)
    writing: frozenset[str] = frozenset()
    seen: list[WireRequest] = field(default_factory=list)
    counted: list[tuple[str, int | str, bool]] = field(default_factory=list)

    def claims(self, method: str, target: str) -> bool:
        return False

    async def run(self, request: WireRequest) -> WireResponse | Forward:
        raise AssertionError("nothing was claimed")

    def unread(self, reason: Reason) -> Forward:
        raise AssertionError("nothing was claimed")

    def teaches(self, method: str, target: str) -> bool:
        return target in self.teaching

    def learn(self, body: bytes) -> None:
        self.learnt.append(body)

    def wants_write(self, method: str, target: str) -> bool:
        return target in self.writing

    def written(self, request: WireRequest) -> None:
        self.seen.append(request)

    def served(self, method: str, status: int | str, seconds: float, *, claimed: bool) -> None:
        self.counted.append((method, status, claimed))


@dataclass
class ClaimPosts:
    """Claims every POST and answers it by `answer`."""

    answer: Callable[[WireRequest], Awaitable[WireResponse | Forward]]
    ran: list[WireRequest] = field(default_factory=list)
    counted: list[tuple[str, int | str, bool]] = field(default_factory=list)

    def claims(self, method: str, target: str) -> bool:
        return method == "POST"

    async def run(self, request: WireRequest) -> WireResponse | Forward:
        self.ran.append(request)
        return await self.answer(request)

    def unread(self, reason: Reason) -> Forward:
        return Forward((("x-midrank", "passed"), ("x-midrank-reason", reason.value)))

    def teaches(self, method: str, target: str) -> bool:
        return False

    def learn(self, body: bytes) -> None:
        raise AssertionError("nothing teaches")

    def wants_write(self, method: str, target: str) -> bool:
        return False

    def written(self, request: WireRequest) -> None:
        raise AssertionError("no write is wanted")

    def served(self, method: str, status: int | str, seconds: float, *, claimed: bool) -> None:
        self.counted.append((method, status, claimed))
