"""text-embeddings-inference: `texts` in, a bare array of `index` and `score` out.

It takes 32 texts at a time, and as many at once as it has permits for, 512 by default: one for each text, not
for each request. 424 says that the model failed, and 413 or 422 that there were too many texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Reason
from proxy.scoring.remote.answers import parsed, scores_in
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Tei(Dialect):
    """https://huggingface.github.io/text-embeddings-inference. It has one model, and asks for no name."""

    name = "tei"
    path = "/rerank"
    max_batch = 32
    # Capitalised on the wire, whatever the documentation has.
    words = ("Overloaded", "Validation", "Tokenizer", "Backend", "Unhealthy", "Empty")

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:  # noqa: ARG002 - see above
        """Ask for all texts; what is too long is cut there, instead of being an error."""
        return body_of(query=query, texts=texts, raw_scores=False, return_text=False, truncate=True)

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read the array."""
        return scores_in(parsed(body), count, score="score")

    def reason(self, status: int, body: bytes) -> Reason:
        """Tell a model that failed apart from what a request has wrong."""
        return Reason.REMOTE_ERROR if status == 424 else super().reason(status, body)
