"""What follows an answer: those who watch are told, and what was not waited for is ranked.

The app feels nothing of it. Telling is cheap and in memory. A search in shadow is answered by the store
alone, untouched; once that answer has gone out, the store is asked again for what a ranking needs: one at a
time, and where there is too much to do, these are the first that are not made.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from proxy.evidence.evidence import Showing
from proxy.model import Reason
from proxy.observation import Observation
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from proxy.codecs.base import Call, Reply
    from proxy.evidence.evidence import Evidence, Stand
    from proxy.model import WireRequest
    from proxy.plan import Plan
    from proxy.scoring.base import Reuse
    from proxy.scoring.ranker import Ranked
    from proxy.searches import Searches

# Searches of switched-off collections wait for each other: they are few, and what switches on again. So many,
# and so many bytes of requests, are held.
MAX_WAITING, MAX_WAITING_BYTES = 256, 8 * 2**20
# Seconds for which a store is left alone that did not give what was asked for behind an answer.
REST = 10.0


class Intent(NamedTuple):
    """A request that was read, and what is to be done about it.

    `arrived` is an event-loop time, and `planning` the seconds that it took to get this far.
    """

    request: WireRequest
    call: Call
    plan: Plan
    reuse: Sequence[Reuse]
    stand: Stand
    arrived: float
    planning: float


class Looked(NamedTuple):
    """A widened answer, and the seconds that midrank and the store took for it."""

    reply: Reply
    added: float
    store: float


class RankedCall(NamedTuple):
    """A call whose searches were ranked, and the seconds that midrank and the store took."""

    plan: Plan
    reply: Reply
    stand: Stand
    added: float
    store: float


class Aftermath:
    """What follows the answers of one store."""

    def __init__(
        self,
        evidence: Evidence,
        searches: Searches,
        look: Callable[[Call, Plan], Awaitable[Looked | None]],
    ) -> None:
        """Take whom to tell, what ranks, and what asks the store for a widened answer."""
        self._evidence = evidence
        self._searches = searches
        self._look = look
        self._tasks = Tasks()
        self._turn = asyncio.Lock()
        self._waiting_bytes = 0
        self._loop_time = asyncio.get_running_loop().time
        self._rested = self._loop_time()

    def tell(self, call: RankedCall, ranked: Sequence[Ranked], showings: Sequence[Showing]) -> None:
        """Tell those who watch of every search that was ranked, in whatever order it was shown."""
        stand = call.stand
        if not self._evidence.watches(stand):
            return
        for one, showing, search, candidates in zip(
            ranked, showings, call.plan.searches, call.reply.candidates, strict=True
        ):
            if search.text is None or search.window is None:
                continue
            self._evidence.tell(
                Observation(
                    exchange=stand.exchange,
                    trace=stand.trace,
                    store=stand.store,
                    collection=stand.collection,
                    shown=stand.shown(showing),
                    query=search.text.text,
                    candidates=candidates,
                    ranked=one,
                    order=showing.order,
                    page=search.page,
                    teams=showing.teams,
                    added=call.added,
                    store_seconds=call.store,
                )
            )

    def later(self, intent: Intent) -> Callable[[], None] | None:
        """Return what is to be done once the store's own answer has gone out, in the trace it belongs to."""
        if intent.stand.behind:
            return partial(copy_context().run, self._begin, intent)
        return partial(self._evidence.answered, intent.stand) if intent.stand.arm is not None else None

    async def close(self) -> None:
        """Drop the rankings that nobody waits for."""
        await self._tasks.close()

    def _begin(self, intent: Intent) -> None:
        """Rank a call behind its answer, if there is room."""
        size = len(intent.request.body)
        queued = intent.stand.passed is Reason.AUTO_OFF
        most = MAX_WAITING if queued else 1
        reach = self._searches.reach(intent.plan.rule, intent.plan.budget)
        if (
            len(self._tasks) >= most
            or self._waiting_bytes + size > MAX_WAITING_BYTES
            or self._loop_time() < self._rested
            or reach.reason is Reason.OVERLOADED
        ):
            self._evidence.shed(intent.stand)
            return
        self._waiting_bytes += size
        self._tasks.spawn(self._rank(intent), "ranking behind an answer")

    async def _rank(self, intent: Intent) -> None:
        try:
            async with self._turn:
                await self._rank_now(intent)
        finally:
            self._waiting_bytes -= len(intent.request.body)

    async def _rank_now(self, intent: Intent) -> None:
        plan = intent.plan
        looked = await self._look(intent.call, plan) if self._loop_time() >= self._rested else None
        if looked is None:
            # It may have asked for fewer searches (429), or be unwell: the app's own come first.
            self._rested = self._loop_time() + REST
            self._evidence.shed(intent.stand)
            return
        added = intent.planning + looked.added
        time_left = min(plan.budget, plan.patience - looked.store) - added
        started = perf_counter()
        ranked = await self._searches.rank(
            intent.call, plan, looked.reply, self._loop_time() + time_left, intent.reuse
        )
        added += perf_counter() - started
        self.tell(
            RankedCall(plan, looked.reply, intent.stand, added=added, store=looked.store),
            ranked,
            [Showing(tuple(range(len(one.order)))) for one in ranked],
        )
