"""Cohere, version 1 of its API: as version 2, but for documents that may be sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.remote.dialects.base import body_of
from proxy.scoring.remote.dialects.cohere_v2 import CohereV2

if TYPE_CHECKING:
    from collections.abc import Sequence


class CohereV1(CohereV2):
    """https://docs.cohere.com/v1/reference/rerank."""

    name = "cohere_v1"
    path = "/v1/rerank"

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts, as one chunk each: by default they are read in ten, and paid for."""
        return body_of(
            model=model,
            query=query,
            documents=texts,
            top_n=len(texts),
            return_documents=False,
            max_chunks_per_doc=1,
        )
