"""The scorer seam: scores for one query over some texts, as many as were reached in time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from proxy.model import Reason
from proxy.scoring.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray


class Whereabouts(NamedTuple):
    """Where a query was asked: near queries of the same `scope` alone may stand in for it.

    `scope` is a digest of what must not be mixed: the store, the collection, who asks, ... `vector` is the
    query's, float32, shape (dims,); None where the search carried none.
    """

    scope: bytes
    vector: NDArray[np.float32] | None


class Reuse(NamedTuple):
    """What of earlier searches a job may use, and later ones of it.

    Without `exact` it is neither looked up nor kept. What was kept under another `scope` is not found; an
    empty one is shared by all. Without `near` no other query stands in for this one.
    """

    exact: bool = True
    scope: bytes = b""
    near: Whereabouts | None = None


FREELY = Reuse()
NOTHING = Reuse(exact=False)


class StandIn(NamedTuple):
    """The query that was `asked` where a job is scored as an earlier one, and the cosine of the two."""

    asked: str
    cosine: float


class Known(NamedTuple):
    """What a cache knows about a job: `values` is float32, shape (n,), NaN where it knows nothing.

    `keys` are those of the texts, parallel to them, and `missing` the places of the texts that are not known.
    `stand_in` is set where the job is scored as an earlier query, which is then the job's own.
    """

    values: NDArray[np.float32]
    keys: tuple[bytes, ...]
    missing: tuple[int, ...]
    stand_in: StandIn | None = None

    @property
    def hits(self) -> int:
        """How many texts are known."""
        return len(self.keys) - len(self.missing)


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """One query and the texts to score, in store order. `deadline` is an event-loop time, in seconds.

    With fewer than `at_least` texts scored the job is not worth beginning. `tenant` is who shares the model
    fairly with the others: the store that is searched. `found(place, score)` is told a score the moment it is
    there, if it would be the same at any other time; some may be told at the end alone. `known` is what the
    cache of the tier that is asked has found already. An `audit` is no search of a user: it is not counted.
    `attempts` is told which models are considered for it, and what came of that.
    """

    query: str
    texts: tuple[str, ...]
    deadline: float
    at_least: int = 1
    tenant: str = ""
    found: Callable[[int, float], None] | None = None
    reuse: Reuse = FREELY
    known: Known | None = None
    audit: bool = False
    attempts: Attempts = field(default_factory=Attempts, compare=False)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a scorer found out in time.

    `values` is float32, shape (n,), higher is better; NaN marks a text that was not scored before the
    deadline: partial results are normal, not an error. `scorer` names who scored. `missing` is the reason for
    NaN: `late`, or `overloaded` where fewer texts were begun than there would have been time for without the
    others; behind an API also what went wrong with a part of the texts. `abridged` tells that, for want of
    time, less was read of the texts than the identity says.

    `cached` is True only when no model ran for this job; `known` of the scores came out of a cache, and with
    `near` they are those of an earlier query, of that cosine to the one asked.
    """

    values: NDArray[np.float32]
    scorer: str
    cached: bool = False
    missing: Reason = Reason.LATE
    abridged: bool = False
    known: int = 0
    near: float | None = None


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


class ModelScorer(Scorer, Protocol):
    """A scorer with a model of its own: it can tell how far it will get, and be watched."""

    @property
    def identity(self) -> str:
        """All that decides its scores: the weights, their precision, how much is read; known when ready.

        Two scorers of the same identity give a query and a text the same score. Empty: not to be relied on.
        """
        ...

    def readable(self, text: str) -> str:
        """Return the part of a text that its score depends on, or more of it. Cheap."""
        ...

    def reach(self, job: ScoreJob) -> int:
        """Predict how many of the job's texts are scored before its deadline. Cheap; asked when ready."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what it can tell about itself, by the names of `figures.MODEL_FIGURES`."""
        ...


class Tier(ModelScorer, Protocol):
    """What rules choose from: a model, and the caches around it."""

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job with what is known about it already: ask this before `reach` and `score`."""
        ...
