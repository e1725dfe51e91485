"""Pinecone: documents as objects, two headers of its own, and `data` of `index` and `score`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.remote.answers import parsed, rows_under, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

# Their API changes with the date in a header.
_VERSION = "2025-04"


class Pinecone(Dialect):
    """https://docs.pinecone.io/reference/api/inference/rerank."""

    name = "pinecone"
    url = "https://api.pinecone.io"
    path = "/rerank"
    max_batch = 100
    words = ("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "RESOURCE_EXHAUSTED")

    def headers(self, key: str) -> Mapping[str, str]:
        """Return the key in a header of its own, and the version that is spoken here."""
        return {"Api-Key": key, "X-Pinecone-Api-Version": _VERSION}

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts; what is too long is cut there, instead of being an error."""
        return body_of(
            model=model,
            query=query,
            documents=[{"text": text} for text in texts],
            rank_fields=["text"],
            top_n=len(texts),
            return_documents=False,
            parameters={"truncate": "END"},
        )

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `data`."""
        return scores_in(rows_under(parsed(body), "data"), count, score="score")
