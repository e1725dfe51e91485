"""Servers that speak about what Jina does: vLLM, Infinity, LocalAI, Xinference.

They differ in their paths, in what they take for an unknown field, and in what their scores are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from proxy.scoring.remote.dialects.base import body_of
from proxy.scoring.remote.dialects.jina import Jina

if TYPE_CHECKING:
    from collections.abc import Sequence


class Infinity(Jina):
    """michaelfeil/infinity. Its queue takes 32,000 texts before it says 429."""

    name = "infinity"
    url = ""
    path = "/rerank"
    words: ClassVar[tuple[str, ...]] = ()

    def pointwise(self, model: str) -> bool:  # noqa: ARG002 - models have the names that their owners give them
        """Say yes: cross-encoders are what it runs."""
        return True


class Vllm(Infinity):
    """vLLM. It always sends the texts back, and refuses a request of which one text is too long to be read.

    Unless it is told to cut what is longer than so many tokens; -1 are as many as the model reads.
    """

    name = "vllm"
    echoes = True
    words: ClassVar[tuple[str, ...]] = ("BadRequestError", "NotFoundError", "InternalServerError")

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts, cut where they are too long."""
        return body_of(model=model, query=query, documents=texts, top_n=len(texts), truncate_prompt_tokens=-1)


class LocalAi(Infinity):
    """LocalAI. It always sends the texts back. Its backends differ in what their scores are."""

    name = "localai"
    path = "/v1/rerank"
    echoes = True
    scale = "as the backend gives it"

    def encode(self, query: str, texts: Sequence[str], model: str) -> bytes:
        """Ask for all texts."""
        return body_of(model=model, query=query, documents=texts, top_n=len(texts))


class Xinference(Infinity):
    """Xinference. What it does not know goes to the model, which may fail on it."""

    name = "xinference"
    path = "/v1/rerank"
    scale = "as the model gives it"
