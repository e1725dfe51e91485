"""The embeddings that an application would have stored: all-MiniLM-L6-v2, mean-pooled, of length 1.

It is the model that midrank's built-in reranker is made of, so nothing more is downloaded; pooling and
normalisation follow its card, huggingface.co/sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.cpus import usable_cpus
from proxy.scoring.model_files import BUILT_IN_MODEL
from proxy.scoring.onnx_session import OnnxModel
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_reader import TextReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# The model was trained on texts of at most this length, and is cut there by its own configuration.
MAX_TOKENS = 256


class Embedder:
    """The model; it is loaded when there is something to embed."""

    def __init__(self) -> None:
        """Export the model to the cache folder, if that has not been done yet.

        Raises:
            BadConfig: the model is not installed.
        """
        self._prepared = prepare(BUILT_IN_MODEL, precision="int8")

    @property
    def identity(self) -> str:
        """Changes with anything that could change an embedding: 8 hexadecimal digits."""
        return hashlib.sha256(self._prepared.identity.encode()).hexdigest()[:8]

    @cached_property
    def _loaded(self) -> tuple[TextReader, OnnxModel]:
        return TextReader(self._prepared.tokenizer, MAX_TOKENS), OnnxModel(self._prepared.graph)

    def embed(
        self, texts: Sequence[str], advance: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return one embedding per text, float32, shape (n, 384); `advance(1)` is called for each."""
        reader, model = self._loaded

        def embed_one(text: str) -> NDArray[np.float32]:
            pooled: NDArray[np.float32] = model.run(reader.one(text)).mean(axis=0)
            return pooled / np.float32(np.linalg.norm(pooled))

        rows = []
        threads = ThreadPoolExecutor(usable_cpus())
        try:
            for row in threads.map(embed_one, texts):
                rows.append(row)
                if advance is not None:
                    advance(1)
        finally:
            threads.shutdown(cancel_futures=True)  # Ctrl-C doesn't wait for thousands of texts
        return np.stack(rows)
