"""Who gets how much of a model that too much is asked of.

Every job tells how many seconds of model time it could use. What each tenant asked for lately is compared
with what there is, and shared out max-min fairly: who asks for less than an equal share gets all of it, the
others share the rest equally (Bertsekas and Gallager, Data Networks, 6.5.2). So under overload every search
is read less deeply, rather than some not at all; and a tenant that asks for ten times as much as the others
slows itself down, not them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Seconds over which demand is averaged, at the least: long enough to even out arrivals, short enough to
# follow a surge. Work that has longer until its deadline is averaged over that time.
_MEMORY = 1.0
# What the latest job counts for in the time that demand is averaged over.
_LEARN = 0.1
# A job without a deadline is averaged over so many seconds.
_LONGEST = 60.0
# Below this many seconds of work per second a tenant is forgotten.
_FORGOTTEN = 1e-4


class FairShare:
    """Meters demand. Pure: `clock` gives seconds, from any start; `capacity` is work per second."""

    def __init__(self, capacity: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._demand: dict[str, float] = {}
        self.served: dict[str, float] = {}  # seconds that each tenant got lately
        self._spare: dict[str, float] = {}
        self._since = clock()
        self._memory = _MEMORY

    @property
    def load(self) -> float:
        """What is asked for, in units of the capacity."""
        self._fade()
        return sum(self._demand.values()) / self._capacity

    def ask(self, tenant: str, work: float, span: float = 0.0) -> float:
        """Note that a tenant wants `work` seconds done in the next `span`; return its share, from 0 to 1."""
        self._fade()
        self._memory += _LEARN * (max(_MEMORY, min(span, _LONGEST)) - self._memory)
        self._demand[tenant] = self._demand.get(tenant, 0.0) + work / self._memory
        wanted = self._demand[tenant]
        return 1.0 if wanted <= 0 else min(1.0, max_min(self._demand, self._capacity)[tenant] / wanted)

    def serve(self, tenant: str, work: float) -> None:
        """Note that a tenant has got `work` seconds."""
        self._fade()
        self.served[tenant] = self.served.get(tenant, 0.0) + work

    def turn(self, tenant: str, share: float) -> bool:
        """Say whether it is this job's turn, of jobs that are each worth doing only whole.

        Of many that ask with a share of 1/3 every third one gets True: the error is carried along.
        """
        spare = self._spare.get(tenant, 0.0) + share
        granted = spare >= 1.0
        self._spare[tenant] = min(1.0, spare - granted)
        return granted

    def _fade(self) -> None:
        now = self._clock()
        if now == self._since:
            return
        kept = math.exp((self._since - now) / self._memory)
        self._since = now
        self._demand = _faded(self._demand, kept)
        self.served = _faded(self.served, kept)
        self._spare = {tenant: spare for tenant, spare in self._spare.items() if tenant in self._demand}


def _faded(rates: Mapping[str, float], kept: float) -> dict[str, float]:
    return {tenant: rate * kept for tenant, rate in rates.items() if rate * kept > _FORGOTTEN}


def max_min(demand: Mapping[str, float], capacity: float) -> dict[str, float]:
    """Share `capacity` out: nobody gets more than asked for, or more than one who would like more."""
    shares: dict[str, float] = {}
    left = capacity
    for place, (tenant, wanted) in enumerate(sorted(demand.items(), key=lambda item: item[1])):
        shares[tenant] = min(wanted, left / (len(demand) - place))
        left -= shares[tenant]
    return shares
