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
    from collections.abc import Iterable, Sequence


def normalised(query: str) -> str:
    """Return the query without what no reranker's score should depend on: whitespace, composed characters.

    Models are given this form, so that what is kept is the score of exactly this.
    """
    return " ".join(unicodedata.normalize("NFC", query).split())


# To be raised when a score comes to mean something else though the model's identity is the same: Redis keeps
# scores of earlier releases.
_FORMAT = b"1"


class ScoreKeys:
    """The keys of one model's scores. `scope`, if any, sets them apart from those of all other scopes."""

    def __init__(self, identity: str, secret: bytes = b"") -> None:
        # BLAKE2 takes keys of up to 64 bytes.
        self._secret = hashlib.sha256(secret).digest()
        self._identity = self._digest(_FORMAT + identity.encode(), b"identity")

    def texts(self, texts: Iterable[str]) -> tuple[bytes, ...]:
        """Return the second half of the keys of some texts: the same for whatever query."""
        return tuple(self._digest(hashlib.sha256(_bytes(text)).digest(), b"text") for text in texts)

    def pairs(self, query: str, texts: Sequence[bytes], scope: bytes = b"") -> tuple[bytes, ...]:
        """Return the key of every text with this query; `texts` are the second halves."""
        first = self._digest(self._identity + len(scope).to_bytes(2) + scope + _bytes(query), b"query")
        return tuple(first + text for text in texts)

    def members(self, query: str, texts: Sequence[bytes], scope: bytes = b"") -> tuple[bytes, ...]:
        """Return the key of every text among these texts, in whatever order they are."""
        return self.pairs(query, texts, scope + hashlib.sha256(b"".join(sorted(texts))).digest())

    def _digest(self, content: bytes, purpose: bytes) -> bytes:
        return hashlib.blake2b(content, digest_size=SHARED, key=self._secret, person=purpose).digest()


def _bytes(text: str) -> bytes:
    # JSON may hold lone surrogates, which UTF-8 has no bytes for.
    return text.encode("utf-8", "surrogatepass")
