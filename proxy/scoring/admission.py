"""How deep a job is begun: all of it, its fair share, or not at all. Decided by predicted seconds."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.fair_share import FairShare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The share of the threads' time that is given out under overload. With all of it the queue would always be as
# long as the deadlines allow; at 0.9 half of the searches were done in half of the time, for 4 % fewer texts
# (ten times too much asked for, 20 to 50 texts of 5 ms, budgets of 150 ms).
_TARGET = 0.9
# From this load on a job is cut to its share even if nothing waits. One client that asks again as soon as it
# has its answer makes a load of 1 all by itself, and takes nothing from anybody.
_CROWDED = 1.25
# What a job counts for in the usual cost of an item.
_LEARN = 0.1


class Queue(NamedTuple):
    """What a job that comes now finds: seconds of model time, of all threads together.

    `least_before` is what goes before the job even if everyone is only brought to the least depth;
    `all_in_time` says that this job and all that wait would be done in time, in full.
    """

    empty: bool
    least_before: float
    all_in_time: bool


class Admission:
    """Decides for one engine. Pure: `clock` gives seconds, from any start."""

    def __init__(self, threads: int, clock: Callable[[], float]) -> None:
        self._threads = threads
        self._fair = FairShare(threads * _TARGET, clock)
        self.usual_cost = 0.0  # seconds of an item, a moving average

    @property
    def load(self) -> float:
        """What is asked for lately, in units of what the threads can do."""
        return self._fair.load

    @property
    def served(self) -> Mapping[str, float] | None:
        """The seconds that each tenant got lately, if they take turns; with enough for all they need not."""
        return self._fair.served if self._fair.load >= 1.0 else None

    def serve(self, tenant: str, seconds: float) -> None:
        """Note what a tenant gets."""
        self._fair.serve(tenant, seconds)

    def depth(self, costs: Sequence[float], span: float, tenant: str, at_least: int, queue: Queue) -> int:
        """Return how many items are begun, from the first on; `costs` are theirs, `span` is the time left.

        0 is a refusal: not even `at_least` of them would be done in time, or others have their turn.
        """
        self.usual_cost += _LEARN * (sum(costs) / len(costs) - self.usual_cost)
        usable = min(sum(costs), span * self._threads)
        crowded = self._fair.load >= _CROWDED
        share = self._fair.ask(tenant, usable, span)
        # Where nothing waits, a job is tried whatever is predicted: too high a prediction corrects itself.
        if not crowded and (queue.all_in_time or queue.empty):
            return len(costs)
        at_least = min(at_least, len(costs))
        least = sum(costs[:at_least])
        if not queue.empty and (queue.least_before + least > span * self._threads or costs[0] > span):
            return 0
        if share >= 1.0:
            return len(costs)
        fair = affordable(costs, share * usable)
        if fair >= at_least:
            return fair
        # Threads that have nothing to do are nobody's: a prediction that is far too high corrects itself.
        if queue.least_before == 0:
            return at_least
        # Too little for any good if all get the same: some get enough, the others nothing.
        return at_least if self._fair.turn(tenant, share * usable / least) else 0


def affordable(costs: Sequence[float], seconds: float) -> int:
    """Return how many of the first items can be had for so many seconds of model time."""
    return sum(1 for total in accumulate(costs) if total <= seconds)
