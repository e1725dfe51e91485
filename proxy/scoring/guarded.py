"""What stands around a model that may fail: a breaker, and the probes that close it again.

While it is open nobody waits for the model: its reach is 0, so that a rule's next model is asked, and whoever
asks all the same is told so at once. It stands inside the caches: what is known is served all the time.

How a call counts:

failed   scorer_error, bad_scores, model_hung, and what goes wrong with a model behind a network:
         bad_response, remote_error, rate_limited, remote_denied. One that names a time for the next try opens
         it at once, until then.
slow     nothing was scored by the deadline, though the model was expected to; or it took longer than the
         policy allows. Both only with a `slow_rate`: a local model is late because there is much to do, and
         its engine sees to that.
nothing  overloaded, no_budget, warming, too_long, remote_refused, ...: about the job or the load, not the
         model; nor callers that left before the deadline.
good     all else, partial scores too. So is one with bad scores for a part: that is about these texts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.attempts import Attempts
from proxy.scoring.base import Reach
from proxy.scoring.breaker import Breaker, Call, State
from proxy.scoring.checked import valid_scores
from proxy.scoring.layer import Layer
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.scoring.base import ScoreJob, Scores, Tier
    from proxy.scoring.breaker import BreakerRules

_FAILURES = frozenset(
    (
        Reason.SCORER_ERROR,
        Reason.BAD_SCORES,
        Reason.MODEL_HUNG,
        Reason.BAD_RESPONSE,
        Reason.REMOTE_ERROR,
        Reason.RATE_LIMITED,
        Reason.REMOTE_DENIED,
    )
)
# Of a part of the texts: one that a model can't score must not have it left alone by everybody.
_FAILURES_OF_A_PART = _FAILURES - {Reason.BAD_SCORES}
# Seconds that a probe may take at least, unless the policy says what is slow: it spends nobody's budget, and
# with the little time that some jobs have left it would never be in time.
_SHORTEST_PROBE = 1.0
# Seconds that a probe may take at most: a job of a batch may have all the time in the world.
_LONGEST_PROBE = 60.0
# Seconds after its deadline that a probe is waited for: who hands over at the deadline is in time.
_GRACE = 0.1

_log = logging.getLogger(__name__)


class Guarded(Layer["Tier"]):
    """A tier: a model, and a breaker that it is left alone by while that is open.

    A probe is a copy of a job that was turned away: it runs in the background, has the time that the job had,
    or more if that was little, and its scores are thrown away. So it tries just what users want, and costs
    none of them anything.
    """

    def __init__(
        self, scorer: Tier, rules: BreakerRules, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(scorer)
        self._rules = rules
        self._clock = clock
        self._breaker = Breaker(rules, clock=clock)
        self._probes = Tasks()
        self.reason: Reason | None = None  # of the last call that counted against the model

    @property
    def state(self) -> State:
        """What the breaker does now."""
        return self._breaker.state

    @property
    def pause_left(self) -> float:
        """Return the seconds until the model is tried again."""
        return self._breaker.pause_left

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job as the model does."""
        return await self._scorer.look_up(job)

    def reach(self, job: ScoreJob) -> int:
        """As far as the model reaches; nowhere while the breaker is not closed."""
        if self._breaker.state is State.CLOSED:
            return self._scorer.reach(job)
        # A model without reach is passed over, so this may be all that it gets to know of a job.
        self._probe(job)
        return 0

    def usual_reach(self, seconds: float) -> Reach:
        """As far as the model usually reaches; nowhere while the breaker is not closed."""
        if self._breaker.state is State.CLOSED:
            return self._scorer.usual_reach(seconds)
        return Reach(0.0, Reason.BREAKER_OPEN)

    def figures(self) -> Mapping[str, float]:
        """Return the model's figures, and those of the breaker."""
        told = {"breaker": self._breaker.state.value, "breaker_openings": self._breaker.openings}
        return {**self._scorer.figures(), **told}

    async def score(self, job: ScoreJob) -> Scores:
        """Let the model score, and watch how that goes.

        Raises:
            Unscored: the breaker is not closed, or the model had nothing to say.
        """
        if self._breaker.state is not State.CLOSED:
            self._probe(job)
            raise Unscored(Reason.BREAKER_OPEN)
        expected = self._rules.slow_rate is not None and self._scorer.reach(job) > 0
        record = partial(self._record, self._breaker.openings)
        return await self._watched(job, record, expected=expected)

    async def close(self) -> None:
        """Give up on a probe; the model is closed by its owner."""
        await self._probes.close()

    def _probe(self, job: ScoreJob) -> None:
        now = _loop_time()
        if job.deadline <= now or not self._breaker.begin_probe():
            return
        seconds = max(job.deadline - now, self._rules.slow_seconds or _SHORTEST_PROBE)
        copy = replace(
            job,
            deadline=now + min(seconds, _LONGEST_PROBE),
            found=None,
            known=None,
            audit=True,
            attempts=Attempts(),
        )
        self._probes.spawn(self._probed(copy), f"probe:{self.name}")

    async def _probed(self, job: ScoreJob) -> None:
        with suppress(Unscored, TimeoutError):
            async with asyncio.timeout_at(job.deadline + _GRACE):
                await self._watched(job, self._take_in, expected=self._rules.slow_rate is not None)

    async def _watched(
        self, job: ScoreJob, tell: Callable[[Call, float | None], None], *, expected: bool
    ) -> Scores:
        """Return valid scores and tell how the call went; `expected` says that it should have some."""
        began = self._clock()
        try:
            scores = await valid_scores(self._scorer, job)
        except Unscored as unscored:
            tell(self._judged(unscored.reason, expected=expected), unscored.retry_after)
            raise
        except asyncio.CancelledError:
            # Callers have many reasons to leave; but one who leaves after the deadline has waited in vain.
            in_vain = _loop_time() >= job.deadline
            tell(self._judged(Reason.LATE, expected=expected) if in_vain else Call.VOID, None)
            raise
        missing = scores.missing if np.isnan(scores.values).any() else None
        if missing in _FAILURES_OF_A_PART:
            tell(self._judged(missing, expected=expected), None)
        elif self._rules.slow_seconds is not None and self._clock() - began > self._rules.slow_seconds:
            tell(self._judged(Reason.LATE, expected=True), None)
        else:
            tell(Call.GOOD, None)
        return scores

    def _judged(self, reason: Reason, *, expected: bool) -> Call:
        """Return how a call counts that had no scores, or not soon enough, for a reason."""
        call = Call.FAILED if reason in _FAILURES else Call.VOID
        if reason is Reason.LATE and expected:
            call = Call.SLOW
        if call is not Call.VOID:
            self.reason = reason
        return call

    def _record(self, epoch: int, call: Call, retry_after: float | None) -> None:
        if self._breaker.record(call, retry_after, epoch=epoch):
            _log.warning(
                "model is left alone",
                extra={"model": self.name, "reason": self.reason, "seconds": self._breaker.pause_left},
            )

    def _take_in(self, call: Call, retry_after: float | None) -> None:
        self._breaker.probed(call, retry_after)
        if self._breaker.state is State.CLOSED:
            _log.info("model is asked again", extra={"model": self.name})


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
