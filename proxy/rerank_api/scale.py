"""Scores that callers can compare: what a model says, brought into (0, 1], each row below the one before it.

Models speak on scales of their own. A cross-encoder gives a logit, of which the sigmoid is the relevance that
it was trained for; a mean cosine, and what is in [0, 1] already, stands as it is. A model that puts a list in
order says no more than that: its best row has 1, the others a share of it by their place.

Some clients sort again by score, and by the order of their own documents where two are equal: so no two are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from proxy.policy_llm import LlmModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from proxy.policy import Model

    # From a score, and the number of texts that were scored together.
    Scale = Callable[[float, int], float]

# Above 0, so that there is room below it for all rows of a request.
LEAST = 1e-9


def scale_of(model: Model) -> Scale:
    """Return the scale that a model of the policy speaks on."""
    if isinstance(model, LlmModel) and model.method == "listwise":
        return share
    return sigmoid if model.kind.startswith("cross_encoder") else clipped


def sigmoid(logit: float, _: int = 0) -> float:
    """Return 1 / (1 + exp(-logit)), without overflow, and at least `LEAST`."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else max(LEAST, math.exp(logit) / (1 + math.exp(logit)))


def share(rank: float, count: int) -> float:
    """Return a rank that counts down from `count`, which is the best one, as its share of it."""
    return clipped(rank / count)


def clipped(score: float, _: int = 0) -> float:
    """Return the score, or the end of [`LEAST`, 1] that it is beyond."""
    return min(1.0, max(LEAST, score))


def falling(scores: Iterable[float]) -> Iterator[float]:
    """Yield scores that never rise so that they fall: equal ones by as little as float32 can tell."""
    ceiling = np.float32(np.inf)
    for score in scores:
        ceiling = min(np.float32(score), np.nextafter(ceiling, np.float32(-np.inf), dtype=np.float32))
        yield float(ceiling)
