"""What calls take and cost: tokens that servers report, tokens that are only estimated, and a purse."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.chat import Usage
from proxy.scoring.llm.fences import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

# A token is one byte or more of what is sent. What is added to that, the words of a chat template and the
# instructions for tools, takes some hundred tokens.
_UNSEEN_TOKENS = 1024

_noted: ContextVar[list[float]] = ContextVar("refusals")


def refusals() -> list[float]:
    """Return a list that grows by what any purse refuses from now on, here and in tasks that begin here."""
    noted: list[float] = []
    _noted.set(noted)
    return noted


class Prices(NamedTuple):
    """The price of a million tokens, in whatever currency."""

    input: float = 0.0
    output: float = 0.0

    def of(self, usage: Usage) -> float:
        """Return what a call costs."""
        return (usage.input * self.input + usage.output * self.output) / 1e6


class Purse:
    """Money that is spent only as long as there is enough for the most that a call may cost.

    For one event loop.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self._limit = limit
        self._held = 0.0
        self._unpaid = 0  # calls for which something is held
        self._settled = asyncio.Event()
        self._turn = asyncio.Lock()  # who waits for money is served in turn, as a lock's waiters are
        self.spent = 0.0
        self.refused = False  # at least once

    async def hold(self, most: float) -> bool:
        """Set aside what a call may cost at most; False, and nothing is, where there is not enough.

        Calls under way mostly cost less than what is held for them: what may be left by them is waited for.
        Nobody overtakes who waits, or a later query would be paid for while an earlier one goes without.
        """
        async with self._turn:
            while self.spent + self._held + most > self._limit:
                if self.spent + most > self._limit:
                    self.refused = True
                    _noted.get([]).append(most)
                    return False
                await self._settled.wait()
            self._held += most
            self._unpaid += 1
        return True

    def settle(self, most: float, cost: float) -> None:
        """Pay for a call that `most` was set aside for."""
        self._unpaid -= 1
        # Exactly nothing at the end: of what only rounding leaves, a call would wait for ever.
        self._held = self._held - most if self._unpaid else 0.0
        self.spent += cost
        self._settled.set()
        self._settled = asyncio.Event()


@runtime_checkable
class Spender(Protocol):
    """A scorer that costs money."""

    @property
    def priced(self) -> bool:
        """Whether it is known how much."""
        ...

    def spend_from(self, purse: Purse) -> None:
        """Pay from this purse from now on."""
        ...


class Bill:
    """What one call takes: an estimate, until more is known."""

    def __init__(self, sent: int, most_output: int) -> None:
        """Take the bytes that are sent, and the most tokens that may come back."""
        self.most = Usage(sent + _UNSEEN_TOKENS, most_output)
        self.usage = Usage(sent // BYTES_PER_TOKEN, most_output)
        self.reported = False
        self.free = False  # nothing was computed, so nothing is to be paid

    def report(self, usage: Usage | None, text: str | None) -> None:
        """Take what the server says that it took; where it says nothing, the length of the answer tells."""
        self.reported = usage is not None
        if usage is not None:
            self.usage = usage
        elif text is not None:
            output = min(self.most.output, len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1)
            self.usage = Usage(self.usage.input, output)


class Till:
    """What a model has taken and cost since the start, and the purse that pays."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self.purse = Purse()
        self._reported = Usage(0, 0)
        self._estimated = Usage(0, 0)
        self._cost = 0.0

    @property
    def priced(self) -> bool:
        """Whether calls have a price."""
        return self._prices.of(Usage(1, 1)) > 0

    @asynccontextmanager
    async def bill(self, sent: int, most_output: int, deadline: float = math.inf) -> AsyncIterator[Bill]:
        """Count what is put on the bill inside the block; whatever ends that, it may have been computed.

        A purse pays the most that a call may have cost, unless the server says how much it was.

        Raises:
            Unscored: there is not enough money; or it is not free by `deadline`, an event-loop time.
        """
        bill = Bill(sent, most_output)
        most = self._prices.of(bill.most)
        try:
            async with asyncio.timeout_at(deadline if deadline < math.inf else None):
                enough = await self.purse.hold(most)
        except TimeoutError:
            raise Unscored(Reason.LATE) from None
        if not enough:
            raise Unscored(Reason.REMOTE_DENIED)
        try:
            yield bill
        finally:
            cost = 0.0 if bill.free else self._prices.of(bill.usage)
            self.purse.settle(most, cost if bill.free or bill.reported else most)
            self._cost += cost
            if bill.reported:
                self._reported = _sum(self._reported, bill.usage)
            elif not bill.free:
                self._estimated = _sum(self._estimated, bill.usage)

    def figures(self) -> Mapping[str, float]:
        """Return it by the names of `figures.MODEL_FIGURES`."""
        return {
            "llm_input_tokens": self._reported.input,
            "llm_output_tokens": self._reported.output,
            "llm_input_tokens_estimated": self._estimated.input,
            "llm_output_tokens_estimated": self._estimated.output,
            "llm_cost": self._cost,
        }


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(one.input + other.input, one.output + other.output)
