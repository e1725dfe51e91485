"""The envelope of a value that others could have written: version, check, payload.

The check is a keyed BLAKE2b (RFC 7693) over the key that the value stands under and the payload. So a value
that is foreign, cut, forged without the secret, or the answer to another question is told from one's own.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

_VERSION = b"\x01"
# Bytes of the check: a guess is right once in 2**64, and each has to be written to the cache first.
_CHECK = 8
_HEAD = len(_VERSION) + _CHECK


class Seal:
    """Seals and opens under one secret, which may be empty: then it tells accidents, and no forgery."""

    def __init__(self, secret: bytes) -> None:
        """Take a secret of any length."""
        key = blake2b(secret, person=b"midrank-seal").digest() if secret else b""
        self._keyed = blake2b(key=key, digest_size=_CHECK, person=b"midrank-cache")

    def seal(self, key: bytes, payload: bytes) -> bytes:
        """Return the sealed payload for a key; `_HEAD` bytes longer."""
        return _VERSION + self._check(key, payload) + payload

    def open(self, key: bytes, sealed: bytes) -> bytes | None:
        """Return the payload that was sealed for this key under this secret; None for anything else."""
        payload = sealed[_HEAD:]
        genuine = compare_digest(sealed[:_HEAD], _VERSION + self._check(key, payload))
        return payload if genuine else None

    def _check(self, key: bytes, payload: bytes) -> bytes:
        digest = self._keyed.copy()
        # The length keeps the border: no byte can move from the key to the payload.
        digest.update(len(key).to_bytes(4, "little") + key + payload)
        return digest.digest()
