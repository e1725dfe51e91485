"""What a scorer says, checked: valid scores, or the reason why there are none."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason

if TYPE_CHECKING:
    from proxy.scoring.base import ScoreJob, Scorer, Scores, Tier

_log = logging.getLogger(__name__)


async def checked_scores(scorer: Scorer, job: ScoreJob) -> Scores | Reason:
    """Return the scorer's scores if they are what it promises; raise nothing but our own cancellation."""
    try:
        return await valid_scores(scorer, job)
    except Unscored as unscored:
        return unscored.reason


async def valid_scores(scorer: Scorer, job: ScoreJob) -> Scores:
    """Return the scorer's scores if they are what it promises, some at least.

    Raises:
        Unscored: they are not, or there are none; nothing else leaves, but our own cancellation.
    """
    if not scorer.ready:
        raise Unscored(Reason.WARMING)
    try:
        scores = await scorer.score(job)
        valid = _are_valid(scores, len(job.texts))
    except Unscored:
        raise
    except asyncio.CancelledError as error:
        # A scorer may let the cancellation of something of its own escape; only ours may leave.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        _log.error("scorer failed", extra={"scorer": scorer.name})
        raise Unscored(Reason.SCORER_ERROR) from error
    except Exception as error:
        # Whatever a scorer does, the app gets the store's order.
        _log.exception("scorer failed", extra={"scorer": scorer.name})
        raise Unscored(Reason.SCORER_ERROR) from error
    if not valid:
        _log.error("scorer answered junk", extra={"scorer": scorer.name})
        raise Unscored(Reason.BAD_SCORES)
    if np.isnan(scores.values).all():
        raise Unscored(Reason.LATE)
    return scores


async def looked_up(tier: Tier, job: ScoreJob) -> ScoreJob:
    """Return the job with what is known about it; with nothing if looking that up went wrong."""
    try:
        return await tier.look_up(job)
    except Exception:  # noqa: BLE001 - what can't be looked up is scored
        _log.exception("look-up failed", extra={"scorer": tier.name})
        return job


def _are_valid(scores: Scores, count: int) -> bool:
    values = scores.values
    return values.shape == (count,) and values.dtype.kind == "f" and not np.isinf(values).any()
