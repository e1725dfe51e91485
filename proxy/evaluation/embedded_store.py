"""A store on a loopback port: exact dense search, as much of Chroma's HTTP API v2 as midrank asks for.

It stands where no store is at hand. Nothing is approximate in it, so its order is the best that a store with
the same vectors can give; how long it takes says nothing about any other.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import orjson
from aiohttp import web

from proxy.evaluation.doors import ChromaDoor, database_path

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping

    from numpy.typing import NDArray

    from proxy.evaluation.doors import Door

# The id of the only collection; midrank asks for its name where a rule goes by names.
_ID = "e7a1e5c0-0000-4000-8000-000000000001"
_COLLECTIONS = f"{database_path()}/collections"
_DOOR = ChromaDoor(database_path(), _ID)
# Seconds for which questions may be under way at the end.
_CLOSING = 1.0


class EmbeddedStore:
    """One collection, held in memory."""

    def __init__(self, name: str, documents: Mapping[str, str], vectors: NDArray[np.float32]) -> None:
        """Take texts by id and their unit vectors, float32, shape (n, d), in the same order."""
        self._names = orjson.dumps([{"id": _ID, "name": name}])
        self._ids = list(documents)
        self._texts = list(documents.values())
        self._vectors = vectors

    def nearest(self, vector: NDArray[np.float32], rows: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the places of the nearest documents and their cosine distances, `rows` of them at most.

        Of equal ones that come first which stand first.
        """
        similarities = self._vectors @ (vector / np.float32(np.linalg.norm(vector) or 1.0))
        nearest = np.argsort(-similarities, kind="stable")[:rows]
        return nearest, 1 - similarities[nearest]

    @asynccontextmanager
    async def serving(self, at: socket.socket) -> AsyncIterator[Door]:
        """Answer on a socket that listens while the block runs, which is given how to ask."""
        server = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=_CLOSING)
        await server.setup()
        try:
            await web.SockSite(server, at).start()
            yield _DOOR
        finally:
            await server.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method == "POST" and request.path == _DOOR.path:
            return _json(200, self._found(orjson.loads(await request.read())))
        if request.method == "GET" and request.path == _COLLECTIONS:
            return _json(200, self._names)
        return _json(404, b'{"error":"NotFoundError","message":"only searches are spoken here"}')

    def _found(self, asked: Mapping[str, object]) -> bytes:
        """Return the answer to a search with one query, in columns."""
        queries, rows = asked["query_embeddings"], asked["n_results"]
        assert isinstance(queries, list)
        assert isinstance(rows, int)
        places, distances = self.nearest(np.asarray(queries[0], np.float32), rows)
        columns = {
            "ids": [[self._ids[place] for place in places]],
            "documents": [[self._texts[place] for place in places]],
            "distances": [distances.tolist()],
            "metadatas": None,
            "embeddings": None,
            "uris": None,
            "include": ["documents", "distances"],
        }
        return orjson.dumps(columns)


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
