"""Voyage: `top_k` where others have `top_n`, and `data` where they have `results`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.remote.answers import parsed, rows_under, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Voyage(Dialect):
    """https://docs.voyageai.com/reference/reranker-api."""

    name = "voyage"
    url = "https://api.voyageai.com"
    path = "/v1/rerank"

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts; what is too long is cut there, instead of being an error."""
        return body_of(
            model=model,
            query=query,
            documents=texts,
            top_k=len(texts),
            return_documents=False,
            truncation=True,
        )

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `data`."""
        return scores_in(rows_under(parsed(body), "data"), count, score="relevance_score")
