"""Fewer vectors for a document: every run of neighbouring tokens becomes one.

Token vectors of one document repeat each other, and their means find it nearly as well (Clavié et al.,
arXiv 2409.14683, who cluster them). Neighbours are about as good as clusters, and cost nothing: see
docs/decisions/005-token-pooling.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pooled(vectors: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return the sum of the unit vectors of each `factor` rows, the last of the rest; shape (n / factor, d).

    `vectors` has shape (n, d). A factor of 1 gives them back. The sums are not unit vectors.
    The rows of a text in several windows come in one array: a run may reach from one into the next.
    """
    if factor == 1:
        return vectors
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    sums: NDArray[np.float32] = np.add.reduceat(vectors / norms, np.arange(0, len(vectors), factor), axis=0)
    return sums
