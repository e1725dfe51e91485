"""mixedbread: `input` where others have `documents`, and `data` of `index` and `score`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.remote.answers import parsed, rows_under, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Mixedbread(Dialect):
    """https://www.mixedbread.com/api-reference/endpoints/reranking."""

    name = "mixedbread"
    url = "https://api.mixedbread.com"
    path = "/v1/reranking"

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts."""
        return body_of(model=model, query=query, input=texts, top_k=len(texts), return_input=False)

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `data`."""
        return scores_in(rows_under(parsed(body), "data"), count, score="score")
