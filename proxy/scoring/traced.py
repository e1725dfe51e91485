"""What stands around every model: a span and a duration for each run, and the memory of a failed start."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from opentelemetry.trace import StatusCode

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach
from proxy.scoring.layer import Layer
from proxy.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.scoring.base import ModelScorer, ScoreJob, Scores
    from proxy.telemetry import Telemetry


class Traced(Layer["ModelScorer"]):
    """A scorer that does what the inner one does, in a span `midrank.model`.

    One whose start failed counts as ready and refuses every job: else it would seem to warm up for ever.
    """

    def __init__(self, scorer: ModelScorer, telemetry: Telemetry) -> None:
        super().__init__(scorer)
        self._telemetry = telemetry
        self.failed = False

    @property
    def inner(self) -> ModelScorer:
        """The scorer itself."""
        return self._scorer

    @property
    def ready(self) -> bool:
        """As the inner scorer is."""
        return self._scorer.ready or self.failed

    async def start(self) -> None:
        """Start the inner scorer; whatever that raises leaves, and is remembered."""
        try:
            await self._scorer.start()
        except Exception:
            self.failed = True
            raise

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job as it is: a model knows nothing before it reads."""
        return job

    def reach(self, job: ScoreJob) -> int:
        """As far as the inner scorer reaches."""
        return 0 if self.failed else self._scorer.reach(job)

    def usual_reach(self, seconds: float) -> Reach:
        """As far as the inner scorer usually reaches."""
        return Reach(0.0, Reason.MODEL_FAILED) if self.failed else self._scorer.usual_reach(seconds)

    def figures(self) -> Mapping[str, float]:
        """What the inner scorer tells, and whether it can score."""
        return {
            **self._scorer.figures(),
            "ready": float(self._scorer.ready),
            "failed": float(self.failed),
        }

    async def score(self, job: ScoreJob) -> Scores:
        """Let the inner scorer score.

        Raises:
            Unscored: it said so, or it was never loaded.
        """
        if self.failed:
            raise Unscored(Reason.MODEL_FAILED)
        attributes: dict[str, str | int] = {
            names.RERANKER_MODEL: self._scorer.name,
            names.CANDIDATES: len(job.texts),
        }
        wrong: str | None = None
        started = perf_counter()
        with self._telemetry.span(names.MODEL, attributes=attributes) as span:
            try:
                scores = await self._scorer.score(job)
                if span.is_recording():
                    span.set_attribute(names.SCORED, int(np.count_nonzero(~np.isnan(scores.values))))
            except asyncio.CancelledError:
                wrong = "cancelled"  # nobody waits for it any more, which is no fault of the model's
                span.set_attribute(names.ERROR_TYPE, wrong)
                raise
            except Exception as error:
                # The type alone: a message may quote what was scored.
                wrong = error.reason.value if isinstance(error, Unscored) else type(error).__name__
                span.set_attribute(names.ERROR_TYPE, wrong)
                span.set_status(StatusCode.ERROR)
                raise
            finally:
                self._telemetry.measures.model(self._scorer.name, perf_counter() - started, wrong)
            return scores

    async def close(self) -> None:
        """Close the inner scorer."""
        await self._scorer.close()
