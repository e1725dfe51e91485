"""Token matrices: a text as one unit vector per token, in int8; and how well two of them match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Products of at most this many multiplications stay on the calling thread in OpenBLAS (interface/gemm.c:
# SMP_THRESHOLD_MIN times GEMM_MULTITHREAD_THRESHOLD). Its own threads spin: 20 documents took 22 ms of CPU
# with two of them, and 2 ms without.
_SINGLE_THREADED = 4 * 65536


@dataclass(frozen=True, slots=True)
class TokenMatrix:
    """Unit vectors of tokens: row i is `values[i] * scales[i]`.

    `values` is int8, shape (tokens, dimensions); `scales` is float32, shape (tokens,). Nobody writes to them.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def pack(cls, vectors: NDArray[np.float32]) -> TokenMatrix:
        """Return the rows of `vectors`, shape (tokens, dimensions), as unit vectors in int8."""
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), np.float32(1e-12))
        values = np.rint(vectors * (np.float32(127) / largest)).astype(np.int8)
        return cls(values, (largest / norms / np.float32(127))[:, 0])

    @property
    def nbytes(self) -> int:
        """The memory of both arrays."""
        return self.values.nbytes + self.scales.nbytes

    def unpack(self) -> NDArray[np.float32]:
        """Return the unit vectors, float32, shape (tokens, dimensions)."""
        return self.values * self.scales[:, np.newaxis]


def max_sim(query: TokenMatrix, documents: Sequence[TokenMatrix | None]) -> NDArray[np.float32]:
    """Return the mean over the query's tokens of their best match in each document; float32, in [-1, 1].

    The mean, not the sum of ColBERT (arXiv 2004.12832): the same order, and scores that can be compared
    between queries. NaN for a document that is None.
    """
    turned = np.ascontiguousarray(query.unpack().T)
    return np.array(
        [np.nan if one is None else _best_matches(turned, one).mean() for one in documents], dtype=np.float32
    )


def _best_matches(query: NDArray[np.float32], document: TokenMatrix) -> NDArray[np.float32]:
    """Return the best similarity of each query token; `query` has shape (dimensions, query tokens)."""
    dimensions, query_tokens = query.shape
    tokens = len(document.values)
    rows = max(1, min(tokens, _SINGLE_THREADED // (dimensions * query_tokens)))
    blocks = -(-tokens // rows)
    # The last block is filled up with the last token again, which changes no maximum.
    filled = np.empty((blocks * rows, dimensions), dtype=np.float32)
    filled[:tokens] = document.values
    filled[tokens:] = document.values[-1]
    similarities = np.matmul(filled.reshape(blocks, rows, dimensions), query).reshape(-1, query_tokens)[
        :tokens
    ]
    return np.asarray((similarities * document.scales[:, np.newaxis]).max(axis=0), dtype=np.float32)
