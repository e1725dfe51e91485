"""Cohere, version 2 of its API: `results` of `index` and `relevance_score`, which says how well a text fits.

The number of texts is bounded together with their length: above 10,000 chunks is an error. Two statuses are
not of HTTP: 498 says that a token is not valid, 499 that the request was cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Reason
from proxy.scoring.remote.answers import parsed, rows_under, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class CohereV2(Dialect):
    """https://docs.cohere.com/reference/rerank."""

    name = "cohere_v2"
    url = "https://api.cohere.com"
    path = "/v2/rerank"

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts; there is nothing in this version that would send them back."""
        return body_of(model=model, query=query, documents=texts, top_n=len(texts))

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `results`."""
        return scores_in(rows_under(parsed(body), "results"), count, score="relevance_score")

    def reason(self, status: int, body: bytes) -> Reason:
        """Tell 498 and 499 apart from what a request has wrong."""
        match status:
            case 498:
                return Reason.REMOTE_DENIED
            case 499:
                return Reason.REMOTE_ERROR
            case _:
                return super().reason(status, body)
