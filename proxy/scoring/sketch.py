"""Sketches: 256 bits of a vector, of which near vectors share most.

Every bit tells on which side of a random plane a vector lies. A plane falls between two vectors with a
probability of their angle divided by pi, so that the bits that differ are binomially distributed (Charikar,
"Similarity estimation techniques from rounding algorithms", STOC 2002). All that is so near that it counts is
therefore found among the few vectors with few differing bits, and these are quickly counted.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORDS = 4
_BITS = 64 * WORDS
# How likely a vector that is near enough may be missed.
_MISSED = 1e-6
# Vectors are kept rounded, so that a cosine may come out this much higher than it is.
_ROUNDING = 1e-3


def unit(vector: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """Return the vector with a length of 1; None if it has no direction: zeros, NaN, infinity, no vector."""
    if vector.ndim != 1 or not len(vector):
        return None
    # A signalling NaN or a square that overflows is nothing to warn of: there is no length then.
    with np.errstate(invalid="ignore", over="ignore"):
        # The squares of large or small float32 are none themselves.
        wide = vector.astype(np.float64)
        length = math.sqrt(np.vecdot(wide, wide))
    if not 0.0 < length < math.inf:
        return None
    direction: NDArray[np.float32] = (wide / length).astype(np.float32)
    return direction


def sketch(direction: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return the sketch of a unit vector: uint64, shape (WORDS,)."""
    # Not `@`: OpenBLAS would start threads for it, and those spin.
    bits = np.vecdot(_planes(len(direction)), direction) > 0
    return np.packbits(bits).view(np.uint64)


@lru_cache(maxsize=256)
def most_differing(cosine: float) -> int:
    """Return how many bits of two sketches may differ if the vectors' cosine may be as high as this.

    Of pairs with just this cosine, one in a million has more of them; of nearer ones fewer have.
    """
    chance = math.acos(min(1.0, max(-1.0, cosine - _ROUNDING))) / math.pi
    missed = 0.0
    for bits in range(_BITS, 0, -1):
        missed += math.comb(_BITS, bits) * chance**bits * (1.0 - chance) ** (_BITS - bits)
        if missed > _MISSED:
            return bits
    return 0


# Takes a millisecond for 384 dimensions, seven for 3,072. A deployment has one or two sizes of vectors.
@lru_cache(maxsize=4)
def _planes(dims: int) -> NDArray[np.float32]:
    """Return the normals of the planes, always the same ones: float32, shape (bits, dims)."""
    return np.random.default_rng(dims).standard_normal((_BITS, dims), dtype=np.float32)
