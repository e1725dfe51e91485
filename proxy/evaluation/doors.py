"""How a collection of a store is searched over HTTP, and where the ids stand in an answer; a class a store.

They write what applications write, texts and scores included: a store that is asked for less answers sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence


# Where Chroma keeps what nobody gave another place.
DEFAULT_TENANT, DEFAULT_DATABASE = "default_tenant", "default_database"
# What reading raises where an answer is something else.
NOT_AN_ANSWER = (ValueError, KeyError, TypeError, IndexError)


class Nameless(str):
    """Stands for the id of a row that does not tell its document's: no judged document is called so."""

    __slots__ = ()


class Door(Protocol):
    """One collection of a store."""

    @property
    def path(self) -> str:
        """Where its searches go, from the store's URL on."""
        ...

    def question(self, vector: Sequence[float], rows: int) -> bytes:
        """Return the body of a search for the `rows` nearest."""
        ...

    def ids(self, answer: bytes) -> list[str]:
        """Return the ids of the documents in an answer, best first; a row that has none is `Nameless`.

        Raises:
            ValueError, KeyError, TypeError, IndexError: `NOT_AN_ANSWER`.
        """
        ...


class ChromaDoor:
    """A collection of a Chroma server, by its id."""

    def __init__(self, database: str, collection: str, *, id_field: str | None = None) -> None:
        """Take the database's path, and the metadata key that has the document's id, if not the row's."""
        self.path = f"{database}/collections/{collection}/query"
        self._id_field = id_field

    def question(self, vector: Sequence[float], rows: int) -> bytes:
        """Return the body of a search for the `rows` nearest."""
        include = ["documents", "distances", *(["metadatas"] if self._id_field else [])]
        return orjson.dumps({"query_embeddings": [vector], "n_results": rows, "include": include})

    def ids(self, answer: bytes) -> list[str]:
        """Return the ids of the documents in an answer, best first."""
        columns: dict[str, Any] = orjson.loads(answer)
        if self._id_field is None:
            return [str(one) for one in columns["ids"][0]]
        rows = zip(columns["ids"][0], columns["metadatas"][0], strict=True)
        return [_named(row, told, self._id_field) for row, told in rows]


class QdrantDoor:
    """A collection of a Qdrant server."""

    def __init__(
        self, collection: str, *, id_field: str | None = None, vector_name: str | None = None
    ) -> None:
        """Take the payload key that has the document's id, if not the point's, and the vector's name."""
        self.path = f"/collections/{quote(collection, safe='')}/points/query"
        self._id_field = id_field
        self._named = {"using": vector_name} if vector_name else {}

    def question(self, vector: Sequence[float], rows: int) -> bytes:
        """Return the body of a search for the `rows` nearest."""
        return orjson.dumps({"query": vector, "limit": rows, "with_payload": True, **self._named})

    def ids(self, answer: bytes) -> list[str]:
        """Return the ids of the documents in an answer, best first."""
        points: list[dict[str, Any]] = orjson.loads(answer)["result"]["points"]
        if self._id_field is None:
            return [str(one["id"]) for one in points]
        return [_named(one["id"], one["payload"], self._id_field) for one in points]


def _named(row: object, told: dict[str, Any] | None, key: str) -> str:
    """Return the id that a row's metadata or payload has for its document."""
    name = (told or {}).get(key)
    return Nameless(f"({row}: no {key})") if name is None else str(name)


def database_path(tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE) -> str:
    """Return the path of a database of a Chroma server."""
    return f"/api/v2/tenants/{quote(tenant, safe='')}/databases/{quote(database, safe='')}"
