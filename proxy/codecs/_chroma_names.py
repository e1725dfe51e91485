"""Chroma's paths hold collection ids: how their names are learnt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.codecs import _json
from proxy.errors import Undecodable
from proxy.model import WireRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

# The raw path of a database's collections, behind whatever prefix the server is mounted on.
COLLECTIONS = r"[^?]*/api/v2/tenants/[^/?]+/databases/[^/?]+/collections"

_LISTING = re.compile(COLLECTIONS)
_ONE_OR_ALL = re.compile(COLLECTIONS + r"(?:/[^/?]+)?(?:\?.*)?", re.DOTALL)
# Headers that describe the search's body; the question has none.
_OF_THE_BODY = ("content-", "transfer-encoding", "expect")


class ChromaNameBook:
    """Learns names where clients do: when they list, get or create collections."""

    def teaches(self, method: str, target: str) -> bool:
        """Say whether this lists, gets or creates collections."""
        return method in {"GET", "POST"} and _ONE_OR_ALL.fullmatch(target) is not None

    def decode_names(self, body: bytes) -> Mapping[str, str]:
        """Return id -> name of the one collection or of the many in an answer."""
        try:
            tree = _json.parse(body)
        except Undecodable:
            return {}
        names = {}
        for collection in tree if isinstance(tree, list) else [tree]:
            if isinstance(collection, dict):
                identity, name = collection.get("id"), collection.get("name")
                if isinstance(identity, str) and isinstance(name, str):
                    names[identity] = name
        return names

    def names_request(self, request: WireRequest) -> WireRequest:
        """Return the request that lists the collections of the database that is searched."""
        listing = _LISTING.match(request.target)
        assert listing is not None
        headers = CIMultiDict(request.headers)
        for name in request.headers:
            if name.lower().startswith(_OF_THE_BODY):
                headers.popall(name, None)
        return WireRequest("GET", listing[0], CIMultiDictProxy(headers), b"")
