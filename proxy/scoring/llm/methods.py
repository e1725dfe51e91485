"""The seam between the two ways to rank with a model, and the scorer around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from proxy.model import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from proxy.errors import Unscored
    from proxy.scoring.base import ScoreJob
    from proxy.scoring.llm.answers import Form
    from proxy.scoring.llm.prompts import Prompt, PromptName

T = TypeVar("T")


class Judged(NamedTuple):
    """Values as `Scores` has them, and what failed on the way, if anything did.

    Also where there is a score for every text, an answer that was missing may have made them others.
    """

    values: NDArray[np.float32]
    failed: Unscored | None = None

    @property
    def missing(self) -> Reason:
        """The reason for each NaN."""
        return self.failed.reason if self.failed is not None else Reason.LATE


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of all questions: the prompt, and how many tokens of the query and each text go into it."""

    prompt: Prompt
    max_tokens: int


class Ask(Protocol):
    """Whoever answers."""

    async def __call__(self, prompt: tuple[str, str], form: Form[T], deadline: float) -> T:
        """Return the answer to a system and a user prompt.

        Raises:
            Unscored: there is none, or not in time.
        """
        ...


class Method(Protocol):
    """A way to get scores out of a model."""

    @property
    def pointwise(self) -> bool:
        """As scorers have it."""
        ...

    @property
    def prompt(self) -> PromptName:
        """The kind of prompt that it takes."""
        ...

    @property
    def identity(self) -> str:
        """What of it, beside the prompt, decides scores."""
        ...

    def reach(self, rounds: float) -> float:
        """Return how many texts are scored in the time of so many calls in a row."""
        ...

    async def judge(self, job: ScoreJob, wording: Wording, ask: Ask) -> Judged:
        """Return what can be said about a job's texts before its deadline. Never raises."""
        ...
