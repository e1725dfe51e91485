"""Who shares cached scores with whom: a digest of the store, the collection and who asks.

Credentials are read here, and leave as part of a keyed digest only.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

from proxy.scoring.base import NOTHING, Reuse, Whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from proxy.codecs.base import Call
    from proxy.model import Search, WireRequest
    from proxy.policy import Rule
    from proxy.policy_cache import CacheSettings, RuleCache, ScopePart

CACHE_HEADER = "x-midrank-cache"

# What sets the scores of a rule apart whose exact cache is scoped.
_WHO: tuple[ScopePart, ...] = ("tenant", "credentials")


class Place(Protocol):
    """Where is searched; a call is one."""

    @property
    def database(self) -> str:
        """The part of the store that holds the collection."""
        ...

    @property
    def collection(self) -> str:
        """What the request calls the collection."""
        ...


class Scopes:
    """The scopes of one store's searches."""

    def __init__(self, store: str, settings: CacheSettings, secret: bytes) -> None:
        self._store = store
        self._settings = settings
        self._key = hashlib.sha256(secret).digest()

    def of_call(self, rule: Rule | None, request: WireRequest, call: Call) -> Sequence[Reuse]:
        """Say what of earlier searches those of a call may use."""
        if rule is None or rule.mode == "off":
            return [NOTHING] * len(call.searches)
        return [self.reuse(rule.cache, request, call, search) for search in call.searches]

    def reuse(self, rule: RuleCache, request: WireRequest, call: Place, search: Search) -> Reuse:
        """Say what of earlier searches this one may use: what its rule allows, or less if so wished."""
        wish = request.headers.get(CACHE_HEADER, "").strip().lower()
        if rule.exact == "off" or wish == "off" or not self._settings.kept:
            return NOTHING
        semantic = rule.semantic if wish != "exact" else None
        scope = self._digest(_WHO, request, call, search) if rule.exact == "scoped" else b""
        if semantic is None:
            return Reuse(scope=scope)
        where = self._digest(semantic.scope, request, call, search)
        return Reuse(scope=scope, near=Whereabouts(where, _vector(search.vector)))

    def _digest(self, parts: Sequence[ScopePart], request: WireRequest, call: Place, search: Search) -> bytes:
        digest = hashlib.blake2b(digest_size=16, key=self._key, person=b"scope")
        fixed = [self._store, call.database, call.collection, search.space]
        for part in (*(one.encode() for one in fixed), *self._chosen(parts, request, search)):
            # Their lengths keep parts apart that could otherwise be cut in two ways.
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.digest()

    def _chosen(self, parts: Sequence[ScopePart], request: WireRequest, search: Search) -> Iterator[bytes]:
        if "tenant" in parts:
            yield from _values(request, self._settings.tenant_headers)
        if "credentials" in parts:
            yield from _values(request, self._settings.credential_headers)
            # Some stores take keys there.
            yield request.target.partition("?")[2].encode()
        if "filter" in parts:
            yield search.filter


def _values(request: WireRequest, headers: Sequence[str]) -> Iterator[bytes]:
    for name in headers:
        yield from (b"%s=%s" % (name.encode(), _raw(value)) for value in request.headers.getall(name, ()))


def _raw(value: str) -> bytes:
    # Header bytes that are not UTF-8 arrive as lone surrogates.
    return value.encode("utf-8", "surrogateescape")


def _vector(numbers: Sequence[float] | None) -> NDArray[np.float32] | None:
    """Return a search's vector as float32, shape (dims,); None where it is none."""
    if numbers is None:
        return None
    try:
        with np.errstate(over="ignore"):
            vector = np.asarray(numbers, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    return vector if vector.ndim == 1 and np.isfinite(vector).all() else None
