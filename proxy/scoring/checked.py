"""What a scorer says, checked: valid scores, or the reason why there are none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason

if TYPE_CHECKING:
    from proxy.scoring.base import ScoreJob, Scorer, Scores

_log = logging.getLogger(__name__)


async def checked_scores(scorer: Scorer, job: ScoreJob) -> Scores | Reason:
    """Return the scorer's scores if they are what a scorer promises; never raise, but for a cancellation."""
    if not scorer.ready:
        return Reason.WARMING
    try:
        scores = await scorer.score(job)
    except Unscored as unscored:
        return unscored.reason
    except Exception:  # noqa: BLE001 - whatever a scorer does, the app gets the store's order
        _log.exception("scorer failed", extra={"scorer": scorer.name})
        return Reason.SCORER_ERROR
    values = scores.values
    if values.shape != (len(job.texts),) or values.dtype.kind != "f" or np.isinf(values).any():
        _log.error("scorer answered junk", extra={"scorer": scorer.name})
        return Reason.BAD_SCORES
    return Reason.LATE if np.isnan(values).all() else scores
