"""The key that callers of midrank's own ports send as `Authorization: Bearer KEY`."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


class BearerKey:
    """Lets in who knows the key, and everyone where there is none; it keeps a digest alone."""

    def __init__(self, key: SecretStr | None) -> None:
        """Take the key; spaces around it don't count."""
        self._digest = None if key is None else _digest(key.get_secret_value().strip())

    @property
    def asked_for(self) -> bool:
        """Whether there is a key."""
        return self._digest is not None

    def admits(self, authorization: str) -> bool:
        """Say whether a header holds the key; the time that it takes tells nothing of how close it was."""
        if self._digest is None:
            return True
        scheme, _, token = authorization.strip().partition(" ")
        # Digests have one length: not even that of the key shows in the time that it takes.
        return hmac.compare_digest(_digest(token.strip()), self._digest) and scheme.lower() == "bearer"


def _digest(key: str) -> bytes:
    # Header bytes that are not UTF-8 arrive as lone surrogates.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
