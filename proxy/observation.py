"""What midrank has seen of one search: the value that recorder, shadow statistics and harm guard are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from proxy.model import Candidate
    from proxy.scoring.ranker import Ranked

# Which order the caller got: the reranked one, one drawn from both, or the store's with the ranking made
# behind the answer: by the rule's mode, or because the harm guard has switched the collection off.
Shown = Literal["reranked", "interleaved", "shadow", "auto_off"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One ranked search.

    `exchange` is what the answer said in `x-midrank-exchange`, and `trace` the id of its trace in 32
    hexadecimal digits, empty without one; the searches of a batch share both. `ranked` is what the models
    made of the candidates, whatever was shown. `order` are places in `candidates`, as the caller would see
    them from the first row on, and `page` is the part that was answered. `teams`, parallel to `order`, tell
    of an interleaved answer whose turn each row was: 0 the store's, 1 the reranker's. `added` are the seconds
    that midrank added to the answer, or, of a ranking made behind it, would have added; `store_seconds` is
    what the store took.
    """

    exchange: str
    trace: str
    store: str
    collection: str
    shown: Shown
    query: str
    candidates: tuple[Candidate, ...]
    ranked: Ranked
    order: tuple[int, ...]
    page: slice
    teams: tuple[int, ...] | None
    added: float
    store_seconds: float
