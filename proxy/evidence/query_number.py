"""Queries as numbers: to know one again without keeping its text, and to draw a stable share of them."""

from __future__ import annotations

import hashlib

from proxy.scoring.score_keys import normalised

# As many as every reader of JSON keeps exactly.
_BITS = 53


def query_number(query: str) -> int:
    """Return a whole number of 53 bits, evenly spread, that is always the same for a query."""
    return _number(hashlib.blake2b(normalised(query).encode("utf-8", "surrogatepass"), digest_size=8))


class Shares:
    """Shares of all queries, always the same ones for a secret, and unknown to whoever lacks it.

    Numbers alone would do to draw them, but anyone can work those out: queries could be chosen so that a
    stronger model is asked about all of them.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(secret).digest()

    def hold(self, number: int, share: float) -> bool:
        """Say whether a query is in this share, by its number; who is in one is in every larger one."""
        drawn = _number(hashlib.blake2b(number.to_bytes(8), digest_size=8, key=self._key, person=b"shares"))
        return drawn < share * (1 << _BITS)


def _number(digest: hashlib.blake2b) -> int:
    return int.from_bytes(digest.digest()) >> (64 - _BITS)
