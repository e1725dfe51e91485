"""A store that is really there: which collection of it is asked, and how."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from proxy.errors import BadConfig, Mistake
from proxy.evaluation.doors import (
    DEFAULT_DATABASE,
    DEFAULT_TENANT,
    ChromaDoor,
    QdrantDoor,
    database_path,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from proxy.evaluation.doors import Door
    from proxy.policy import Store


class StoreUnusable(Exception):
    """The store does not answer as it should; the message tells the user why."""


class Live(NamedTuple):
    """A collection, and what it takes to ask it.

    `id_field` is the key of metadata or payload that has the judged document's id, where the row's own id is
    another; `tenant` and `database` are Chroma's, `vector_name` is Qdrant's, and `headers` are sent with each
    request: the store's API key, for one.
    """

    collection: str
    headers: Mapping[str, str]
    id_field: str | None = None
    tenant: str = DEFAULT_TENANT
    database: str = DEFAULT_DATABASE
    vector_name: str | None = None


@asynccontextmanager
async def live_door(session: aiohttp.ClientSession, store: Store, live: Live) -> AsyncIterator[Door]:
    """Give a block how the collection is searched.

    Raises:
        BadConfig: there is no such collection.
        StoreUnusable: the store does not tell.
    """
    if store.kind == "qdrant":
        yield QdrantDoor(live.collection, id_field=live.id_field, vector_name=live.vector_name)
    else:
        yield await _chroma_door(session, store, live)


async def _chroma_door(session: aiohttp.ClientSession, store: Store, live: Live) -> ChromaDoor:
    """Look the collection's id up.

    Raises:
        BadConfig: there is no such collection.
        StoreUnusable: the store does not tell.
    """
    database = database_path(live.tenant, live.database)
    url = f"{store.upstream.rstrip('/')}{database}/collections/{quote(live.collection, safe='')}"
    try:
        async with session.get(URL(url, encoded=True), headers=live.headers) as response:
            answer = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StoreUnusable(f"no answer from {store.upstream}: {type(error).__name__}") from error
    if response.status == 404:
        allowed = f"a collection of {store.upstream}"
        raise BadConfig((Mistake("(command line)", "--collection", live.collection, allowed),))
    try:
        told: dict[str, Any] = orjson.loads(answer)
        return ChromaDoor(database, str(told["id"]), id_field=live.id_field)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise StoreUnusable(
            f"{store.upstream} says {response.status} when asked for the collection"
        ) from error
