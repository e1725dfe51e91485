"""The server of llama.cpp: rows as Jina has them, with raw logits.

They become what the others give for the same model, by a sigmoid. Their order stays; only scores that differ
by less than float32 can tell, as those of two logits above 17, become equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Reason
from proxy.scoring.remote.answers import parsed, rows_under, scores_in, sigmoid
from proxy.scoring.remote.dialects.base import Dialect, body_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class LlamaCpp(Dialect):
    """https://github.com/ggml-org/llama.cpp, tools/server."""

    name = "llama_cpp"
    path = "/v1/rerank"
    scale = "0 to 1, by a sigmoid of the logits that it sends"
    words = ("too large to process", "invalid_request_error", "server_error", "unavailable_error")

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts."""
        return body_of(model=model, query=query, documents=texts, top_n=len(texts))

    def decode(self, body: bytes, count: int) -> NDArray[np.float64]:
        """Read `results`."""
        return sigmoid(scores_in(rows_under(parsed(body), "results"), count, score="relevance_score"))

    def reason(self, status: int, body: bytes) -> Reason:
        """Tell a text that is too long, for which it says 500, apart from a server that is broken."""
        if self.word(body) == "too large to process":
            return Reason.REMOTE_REFUSED
        return super().reason(status, body)
