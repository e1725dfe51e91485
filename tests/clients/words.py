"""The corpus's word embedding in the shape LangChain wants it."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from tests.fakes.corpus import embed


class WordEmbeddings(Embeddings):
    """Embeds texts by their words: deterministic, without a model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return embed(text)
