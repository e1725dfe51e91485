"""A large language model as a scorer: what the rest of midrank sees of it."""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, Scores
from proxy.scoring.llm.fences import cut
from proxy.scoring.llm.methods import Wording
from proxy.scoring.llm.prompts import load_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.llm.llm import Llm
    from proxy.scoring.llm.methods import Method
    from proxy.scoring.llm.spending import Purse

# Why texts may have no score though nothing has failed.
_PRESSED = frozenset((Reason.LATE, Reason.OVERLOADED))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model is given to read: which prompt, None for the default one; how many tokens of each text."""

    prompt_file: str | None = None
    max_tokens: int = 512


class LlmScorer:
    """A scorer; the model is asked over HTTP, text by text or list by list."""

    def __init__(self, llm: Llm, method: Method, *, name: str, source: str, reading: Reading) -> None:
        """Take whom to ask, and how; `source` tells this model apart from all others: API, URL, model, ..."""
        self.name = name
        self.identity = ""
        self.pointwise = method.pointwise
        self.ready = False
        self._llm = llm
        self._method = method
        self._source = source
        self._reading = reading
        self._wording: Wording | None = None

    @property
    def priced(self) -> bool:
        """Whether it is known what a call costs."""
        return self._llm.till.priced

    def spend_from(self, purse: Purse) -> None:
        """Pay from this purse from now on."""
        self._llm.till.purse = purse

    async def start(self) -> None:
        """Read prompt, key and certificates. Nothing is asked: that would cost something at every start.

        Raises:
            BadConfig: one of these can't be read, or the prompt is not fit.
        """
        name, key = self._method.prompt, f"models.{self.name}.prompt_file"
        prompt = await asyncio.to_thread(load_prompt, name, self._reading.prompt_file, key=key)
        await self._llm.start()
        self._wording = Wording(prompt, self._reading.max_tokens)
        decides = (
            self._source,
            self._method.identity,
            prompt.system,
            prompt.user,
            str(self._reading.max_tokens),
        )
        self.identity = f"llm-{hashlib.sha256(repr(decides).encode()).hexdigest()}"
        self.ready = True

    def readable(self, text: str) -> str:
        """Return the part of a text that goes into the prompt."""
        return cut(text, self._reading.max_tokens)

    def reach(self, job: ScoreJob) -> int:
        """Predict how many texts are scored in time: all of them while nothing is known."""
        left = job.deadline - asyncio.get_running_loop().time()
        return int(min(len(job.texts), self._texts_in(left)))

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many texts are scored in so many seconds."""
        return Reach(self._texts_in(seconds))

    def figures(self) -> Mapping[str, float]:
        """Return calls, tokens and cost."""
        return self._llm.figures()

    async def score(self, job: ScoreJob) -> Scores:
        """Score what can be scored before the deadline.

        Raises:
            Unscored: nothing could, or by some failure so little that another model may do better.
        """
        assert self._wording is not None, "only a scorer that is ready is asked"
        judged = await self._method.judge(job, self._wording, self._llm.ask)
        scored = int(np.count_nonzero(~np.isnan(judged.values)))
        wanted = 1 if judged.missing in _PRESSED else min(max(1, job.at_least), len(job.texts))
        if scored < wanted:
            raise judged.failed or Unscored(judged.missing)
        # What is `abridged` is not kept: an order that lacks an answer may be another one next time. Grades
        # do not depend on each other.
        doubtful = judged.failed is not None and not self.pointwise
        return Scores(judged.values, self.name, missing=judged.missing, abridged=doubtful)

    async def close(self) -> None:
        """Close all connections."""
        self.ready = False
        await self._llm.close()

    def _texts_in(self, seconds: float) -> float:
        usual = self._llm.usual_seconds
        rounds = seconds // usual if usual else math.inf
        return self._method.reach(max(0.0, rounds))
