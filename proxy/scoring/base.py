"""The scorer seam: scores for one query over some texts, as many as were reached in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from proxy.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """One query and the texts to score, in store order. `deadline` is an event-loop time, in seconds.

    With fewer than `at_least` texts scored the job is not worth beginning. `tenant` is who shares the model
    fairly with the others: the store that is searched.
    """

    query: str
    texts: tuple[str, ...]
    deadline: float
    at_least: int = 1
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer found out in time.

    `values` is float32, shape (n,), higher is better; NaN marks a text that was not scored before the
    deadline: partial results are normal, not an error. `scorer` names who scored. `cached` is True only when
    no model ran for this job. `missing` is the reason for NaN: `late`, or `overloaded` where fewer texts were
    begun than there would have been time for without the others.
    """

    values: NDArray[np.float32]
    scorer: str
    cached: bool = False
    missing: Reason = Reason.LATE


class Reach(NamedTuple):
    """How many texts are likely to be scored, and the reason if that is too few; `inf` if nobody knows."""

    texts: float
    reason: Reason = Reason.LATE


class Scorer(Protocol):
    """Gives scores; may fail, may be late, may be partial."""

    @property
    def name(self) -> str:
        """The name under which policy, spans and metrics know it."""
        ...

    @property
    def pointwise(self) -> bool:
        """Whether a text's score is the same in whatever set of texts it is scored."""
        ...

    @property
    def ready(self) -> bool:
        """Whether one batch has been scored since the start."""
        ...

    async def start(self) -> None:
        """Load, then score one batch; `ready` is True afterwards."""
        ...

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many of the usual texts are scored in so many seconds. Cheap; asked when ready."""
        ...

    async def score(self, job: ScoreJob) -> Scores:
        """Score what can be scored before the deadline, in the order of `job.texts`.

        Raises:
            Unscored: there will be no scores, and why.
        """
        ...

    async def close(self) -> None:
        """Stop threads and free the model."""
        ...


def farthest(scorers: Iterable[Scorer], seconds: float) -> Reach:
    """Return the usual reach of the one that gets farthest, of those that are ready."""
    reaches = [one.usual_reach(seconds) for one in scorers if one.ready]
    return max(reaches, key=lambda reach: reach.texts, default=Reach(0.0, Reason.WARMING))


class Tier(Scorer, Protocol):
    """A scorer with a model of its own: it can tell how far it will get, and be watched."""

    def reach(self, job: ScoreJob) -> int:
        """Predict how many of the job's texts are scored before its deadline. Cheap; asked when ready."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what it can tell about itself, by the names of `telemetry.MODEL_FIGURES`."""
        ...
