"""Under which keys scores are kept: digests of everything that decides a score, and of nothing else.

    key = H(identity of the model, query) + H(sha256 of the text)        16 + 16 bytes, H: keyed BLAKE2b

A changed text or model has another key, so nothing stale is ever found. With a secret nobody who reads the
keys can tell whether a given query or text is among them. A listwise scorer's scores hold for one set of
texts alone; so the digest of the whole set takes part in the first half.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from proxy.cache.base import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence


def normalised(query: str) -> str:
    """Return the query without what no reranker's score should depend on: whitespace, composed characters.

    Models are given this form, so that what is kept is the score of exactly this.
    """
    return " ".join(unicodedata.normalize("NFC", query).split())


class ScoreKeys:
    """The keys of one model's scores. `scope`, if any, sets them apart from those of all other scopes."""

    def __init__(self, identity: str, secret: bytes = b"") -> None:
        # BLAKE2 takes keys of up to 64 bytes.
        self._secret = hashlib.sha256(secret).digest()
        self._identity = self._digest(identity.encode(), b"identity")

    def pairs(self, query: str, texts: Sequence[str], scope: bytes = b"") -> tuple[bytes, ...]:
        """Return the key of every text with this query."""
        return self._keys(query, _digests(texts), scope)

    def members(self, query: str, texts: Sequence[str], scope: bytes = b"") -> tuple[bytes, ...]:
        """Return the key of every text among these texts, in whatever order they are."""
        digests = _digests(texts)
        whole = hashlib.sha256(b"".join(sorted(digests))).digest()
        return self._keys(query, digests, scope + whole)

    def _keys(self, query: str, digests: Sequence[bytes], scope: bytes) -> tuple[bytes, ...]:
        first = self._digest(self._identity + len(scope).to_bytes(2) + scope + _bytes(query), b"query")
        return tuple(first + self._digest(digest, b"text") for digest in digests)

    def _digest(self, content: bytes, purpose: bytes) -> bytes:
        return hashlib.blake2b(content, digest_size=SHARED, key=self._secret, person=purpose).digest()


def _digests(texts: Sequence[str]) -> list[bytes]:
    return [hashlib.sha256(_bytes(text)).digest() for text in texts]


def _bytes(text: str) -> bytes:
    # JSON may hold lone surrogates, which UTF-8 has no bytes for.
    return text.encode("utf-8", "surrogatepass")
