"""The scorers of a rule, as they serve searches, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Self

import uvloop

from proxy.app import App
from proxy.model import Candidate, Reason
from proxy.offline.beside import outcome_of
from proxy.scoring.base import Reuse
from proxy.scoring.llm.spending import refusals

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from proxy.offline.queries import Query
    from proxy.policy import Policy, Rule
    from proxy.scoring.base import ModelScorer
    from proxy.scoring.llm.spending import Purse
    from proxy.scoring.ranker import Ranked

# What is not about a query: the next one would fare no better, and the same one may do well a moment later.
_OUTAGES = frozenset(
    (
        Reason.WARMING,
        Reason.OVERLOADED,
        Reason.MODEL_HUNG,
        Reason.RATE_LIMITED,
        Reason.REMOTE_ERROR,
        Reason.BREAKER_OPEN,
    )
)
# What people have to see to.
_HOPELESS = frozenset((Reason.MODEL_FAILED, Reason.REMOTE_DENIED))
# What may be about a query; but not if so many in a row have it.
_ITS_OWN = frozenset((Reason.REMOTE_REFUSED, Reason.BAD_RESPONSE, Reason.BAD_SCORES, Reason.SCORER_ERROR))
_IN_A_ROW = 10
# What becomes of a query whose call was that of another one, and refused; or whose breaker that has opened.
_UNPAID = frozenset((Reason.REMOTE_DENIED, Reason.BREAKER_OPEN))
# Seconds before a query is tried again, at first and at most.
_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
# Seconds that scorers are waited for at the end.
_CLOSING = 10.0


class Stopped(Exception):
    """The run should end here: a model is out of reach, or there is no more money."""


class OutOfReach(Stopped):
    """No model is there; `reason` is the last one's."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason; the message is the same word."""
        super().__init__(reason.value)
        self.reason = reason


class OutOfMoney(Stopped):
    """The next call might cost more than there is."""


class Terms(NamedTuple):
    """Seconds for each query, queries at once, and seconds for which an outage is waited out."""

    budget: float
    concurrency: int
    patience: float


class Workplace:
    """Ranks queries by a rule, from inside of a `with` block."""

    def __init__(
        self, policy: Policy, rule: Rule, scorers: Mapping[str, ModelScorer], *, terms: Terms, purse: Purse
    ) -> None:
        """Take a policy with this rule alone, and the scorers of its models, which pay from `purse`."""
        self._policy = policy
        self._rule = rule
        self._scorers = scorers
        self._terms = terms
        self._purse = purse
        self._in_a_row = 0
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="scorers", daemon=True)

    def __enter__(self) -> Self:
        """Start the scorers, and wait until they are loaded.

        Raises:
            BadConfig: one of them is set up wrong.
        """
        self._thread.start()
        outcome_of(self._started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the scorers; what is under way is given up."""
        self._started.result().call_soon_threadsafe(self._stop.set)
        self._thread.join(_CLOSING)

    def rank(self, query: Query) -> Future[Ranked]:
        """Begin to rank a query. What comes of it is a ranking, or a reason to stop: `Stopped`."""
        return asyncio.run_coroutine_threadsafe(self._ranked(query), self._started.result())

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(self._terms.concurrency)
        self._app = App(self._policy, scorers=self._scorers)
        try:
            try:
                await self._app.start()
                await self._app.loaded()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is for who waits for us
                self._started.set_exception(error)
                return
            self._started.set_result(asyncio.get_running_loop())
            await self._stop.wait()
        finally:
            await self._app.close()

    async def _ranked(self, query: Query) -> Ranked:
        async with self._slots:
            pause, patience = _PAUSE, self._terms.patience
            refused = refusals()
            while True:
                ranked = await self._ranked_once(query)
                reason = ranked.verdict.reason
                failures = {reason, *(attempt.reason for attempt in ranked.verdict.attempts)}
                if refused or (self._purse.refused and failures & _UNPAID):
                    # It may have been ranked without the model that there was no money for.
                    raise OutOfMoney
                self._in_a_row = 0 if reason is None else self._in_a_row + (reason in _ITS_OWN)
                hopeless = reason in _HOPELESS or self._in_a_row >= _IN_A_ROW
                if reason is not None and (hopeless or (reason in _OUTAGES and pause > patience)):
                    raise OutOfReach(reason)
                if reason not in _OUTAGES:
                    return ranked
                patience -= pause
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _ranked_once(self, query: Query) -> Ranked:
        rule = self._rule
        candidates = [
            Candidate(str(place), document.text, document.score)
            for place, document in enumerate(query.documents)
        ]
        return await self._app.ranker(rule.scoring).rank(
            query.text,
            candidates,
            window=len(candidates),
            deadline=asyncio.get_running_loop().time() + self._terms.budget,
            at_least=rule.candidates.at_least,
            # Nobody is there for whom scores could be kept apart.
            reuse=Reuse(exact=rule.cache.exact == "shared"),
            blend=rule.blend,
        )
