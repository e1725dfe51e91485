"""What calls take and cost: tokens that servers report, tokens that are only estimated, and a purse."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.chat import Usage
from proxy.scoring.llm.fences import BYTES_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A token is one byte or more of what is sent. What is added to that, the words of a chat template and the
# instructions for tools, takes some hundred tokens.
_UNSEEN_TOKENS = 1024


class Prices(NamedTuple):
    """The price of a million tokens, in whatever currency."""

    input: float = 0.0
    output: float = 0.0

    def of(self, usage: Usage) -> float:
        """Return what a call costs."""
        return (usage.input * self.input + usage.output * self.output) / 1e6


class Purse:
    """Money that is spent only as long as there is enough for the most that a call may cost."""

    def __init__(self, limit: float = math.inf) -> None:
        self._limit = limit
        self._held = 0.0
        self.spent = 0.0
        self.refused = False  # at least once

    def hold(self, most: float) -> bool:
        """Set aside what a call may cost at most; False, and nothing is, where there is not enough."""
        if self.spent + self._held + most > self._limit:
            self.refused = True
            return False
        self._held += most
        return True

    def settle(self, most: float, cost: float) -> None:
        """Pay for a call that `most` was set aside for."""
        self._held -= most
        self.spent += cost


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

    @contextmanager
    def bill(self, sent: int, most_output: int) -> Iterator[Bill]:
        """Count what is put on the bill inside the block; whatever ends that, it may have been computed.

        A purse pays the most that a call may have cost, unless the server says how much it was.

        Raises:
            Unscored: there is not enough money.
        """
        bill = Bill(sent, most_output)
        most = self._prices.of(bill.most)
        if not self.purse.hold(most):
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
