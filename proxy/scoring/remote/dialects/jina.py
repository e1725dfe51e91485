"""Jina: `results` of `index` and `relevance_score`, and the documents once more unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from proxy.scoring.remote.answers import parsed, rows_under, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Jina(Dialect):
    """https://api.jina.ai."""

    name = "jina"
    url = "https://api.jina.ai"
    path = "/v1/rerank"
    words: ClassVar[tuple[str, ...]] = (
        "INPUT_TOKEN_LIMIT_EXCEEDED",
        "INPUT_MODEL_NOT_FOUND",
        "AUTHZ_INSUFFICIENT_BALANCE",
        "AUTH_",
        "RATE_REQUEST_LIMIT_EXCEEDED",
        "RATE_TOKEN_LIMIT_EXCEEDED",
        "RATE_CONCURRENCY_LIMIT_EXCEEDED",
        "RATE_",
        "SERVICE_TIMEOUT",
    )

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts, and not to send them back, which is the default."""
        return body_of(model=model, query=query, documents=texts, top_n=len(texts), return_documents=False)

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `results`."""
        return scores_in(rows_under(parsed(body), "results"), count, score="relevance_score")

    def pointwise(self, model: str) -> bool:
        """Say no of the third generation: it reads all documents of a request together."""
        return not model.startswith("jina-reranker-v3")
