"""Listwise: the model puts windows of the list in order, from the back to the front; see `windows`.

A text's score is how many texts it stands before, plus one: n for the first, 1 for the last. It says nothing
but the order, and holds for this list alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.answers import Order
from proxy.scoring.llm.fences import Fence, cut
from proxy.scoring.llm.methods import Judged
from proxy.scoring.llm.windows import windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.llm.methods import Ask, Wording
    from proxy.scoring.llm.prompts import PromptName

# What is about this window alone: the next one may well do.
_OF_ONE_WINDOW = frozenset((Reason.BAD_RESPONSE, Reason.REMOTE_REFUSED))


class Listwise:
    """Puts lists in order, `size` texts at a time, moving up by `stride`."""

    pointwise = False
    prompt: PromptName = "listwise"

    def __init__(self, size: int, stride: int) -> None:
        self._size = size
        self._stride = stride
        self.identity = f"listwise-{size}-{stride}"

    def reach(self, rounds: float) -> float:
        """Return how many texts so many windows cover; each waits for the one before it."""
        return 0.0 if rounds < 1 else self._size + (rounds - 1) * self._stride

    async def judge(self, job: ScoreJob, wording: Wording, ask: Ask) -> Judged:
        """Put the list in order, window by window.

        An answer that is no permutation leaves its window as it is. Texts that no window with an answer had
        are NaN, and so keep their places: the others only change among themselves.
        """
        count = len(job.texts)
        query = cut(job.query, wording.max_tokens)
        texts = [cut(text, wording.max_tokens) for text in job.texts]
        order = list(range(count))
        read: set[int] = set()
        failed: Unscored | None = None
        for window in windows(count, self._size, self._stride) if count > 1 else ():
            part = order[window.start : window.end]
            prompt = _filled(wording, query, [texts[index] for index in part])
            try:
                places = await ask(prompt, Order(len(part)), job.deadline)
            except Unscored as unscored:
                failed = unscored
                if failed.reason not in _OF_ONE_WINDOW:
                    break
                continue
            order[window.start : window.end] = [part[place] for place in places]
            read.update(part)
        values = np.full(count, np.nan, np.float32)
        for place, index in enumerate(order):
            if index in read or count == 1:
                values[index] = count - place
        return Judged(values, failed)


def _filled(wording: Wording, query: str, texts: Sequence[str]) -> tuple[str, str]:
    fence = Fence((query, *texts))
    documents = "\n\n".join(fence.document(text, number) for number, text in enumerate(texts, 1))
    return wording.prompt.filled(
        {
            "query": fence.query(query),
            "documents": documents,
            "count": str(len(texts)),
            "nonce": fence.nonce,
        }
    )
