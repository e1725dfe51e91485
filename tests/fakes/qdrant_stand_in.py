"""Qdrant's REST interface in front of `QdrantClient(":memory:")`: real ranking, filters, fusion; no server.

Run it as `python -m tests.fakes.qdrant_stand_in --port 6333 [--api-key KEY]`. It behaves like Qdrant 1.19
where midrank looks: answers are compressed for whoever accepts it, `strict_mode_config.max_query_limit`
refuses with 400, a limit of zero with 422, and a `Document{text, model}` is embedded here, as a server with
inference does.

What the real server does and this does not: gRPC, approximate search, rate limits, shards, snapshots.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

from tests.fakes.corpus import embed
from tests.fakes.qdrant_messages import (
    Refused,
    check_not_zero,
    point,
    prefetches,
    read,
    read_legacy,
    read_legacy_batch,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VERSION = "1.19.0"
MAX_REQUEST_BYTES = 32 * 2**20  # service.max_request_size_mb of the real server's default configuration
UPDATED = {"operation_id": 0, "status": "completed"}
# As a server sends it that has hardware reporting switched on.
USAGE = {"hardware": m.HardwareUsage(**dict.fromkeys(m.HardwareUsage.model_fields, 1)).model_dump()}

Json = Any


class QdrantStandIn:
    """The REST handlers. Strict mode is kept here, per collection: the in-memory client ignores it."""

    def __init__(self, api_key: str | None = None) -> None:
        self._db = AsyncQdrantClient(":memory:")
        self._api_key = api_key
        self._max_query_limit: dict[str, int] = {}

    def application(self) -> web.Application:
        """Build the aiohttp application."""
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        one = "/collections/{name}"
        app.add_routes([web.get("/", self._root), web.get("/healthz", self._health)])
        for method, path, answer in (
            ("GET", "/collections", self._list),
            ("GET", one, self._info),
            ("PUT", one, self._create),
            ("DELETE", one, self._drop),
            ("GET", f"{one}/exists", self._exists),
            ("PUT", f"{one}/index", self._index),
            ("PUT", f"{one}/points", self._upsert),
            ("POST", f"{one}/points", self._retrieve),
            ("POST", f"{one}/points/delete", self._delete),
            ("POST", f"{one}/points/count", self._count),
            ("POST", f"{one}/points/scroll", self._scroll),
            ("POST", f"{one}/points/query", self._query),
            ("POST", f"{one}/points/query/batch", self._query_batch),
            ("POST", f"{one}/points/query/groups", self._query_groups),
            ("POST", f"{one}/points/search", self._search),
            ("POST", f"{one}/points/search/batch", self._search_batch),
        ):
            handler = self._enveloped(answer)
            app.router.add_route(method, path, handler)
            app.router.add_route(method, f"{path}/", handler)  # the server trims trailing slashes
        return app

    def _enveloped(
        self, answer: Callable[[web.Request], Awaitable[Json]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            started = time.perf_counter()
            status, envelope = 200, {}
            try:
                self._check_key(request)
                envelope = {"usage": USAGE, "result": await answer(request), "status": "ok"}
            except (Refused, ValueError, KeyError) as error:
                refused = error if isinstance(error, Refused) else refusal(error)
                status, envelope = refused.status, {"status": {"error": refused.text}}
            envelope["time"] = time.perf_counter() - started
            body = orjson.dumps(envelope, option=orjson.OPT_SERIALIZE_NUMPY)
            response = web.Response(status=status, body=body, content_type="application/json")
            if "gzip" in request.headers.get("accept-encoding", ""):
                response.enable_compression(web.ContentCoding.gzip)
            return response

        return handle

    def _check_key(self, request: web.Request) -> None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._api_key and self._api_key not in {request.headers.get("api-key"), bearer}:
            raise Refused(401, "Must provide an API key or an Authorization bearer token")

    # --- service -----------------------------------------------------------------------------

    async def _root(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"title": "qdrant - vector search engine", "version": VERSION, "commit": "stand-in"}
        )

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="healthz check passed")

    # --- collections -------------------------------------------------------------------------

    async def _list(self, _: web.Request) -> Json:
        return (await self._db.get_collections()).model_dump(mode="json", exclude_none=True)

    async def _info(self, request: web.Request) -> Json:
        return (await self._db.get_collection(_name(request))).model_dump(mode="json", exclude_none=True)

    async def _create(self, request: web.Request) -> Json:
        asked = await _read(request, m.CreateCollection)
        strict = asked.strict_mode_config
        if strict and strict.enabled and strict.max_query_limit:
            self._max_query_limit[_name(request)] = strict.max_query_limit
        return await self._db.create_collection(
            _name(request), vectors_config=asked.vectors, sparse_vectors_config=asked.sparse_vectors
        )

    async def _drop(self, request: web.Request) -> Json:
        self._max_query_limit.pop(_name(request), None)
        return await self._db.delete_collection(_name(request))

    async def _exists(self, request: web.Request) -> Json:
        return {"exists": await self._db.collection_exists(_name(request))}

    async def _index(self, request: web.Request) -> Json:
        await _read(request, m.CreateFieldIndex)
        return UPDATED  # the in-memory client filters without an index

    # --- points ------------------------------------------------------------------------------

    async def _upsert(self, request: web.Request) -> Json:
        operations = await _read(request, m.PointInsertOperations)
        points = operations.batch if isinstance(operations, m.PointsBatch) else operations.points
        await self._db.upsert(_name(request), points=points)
        return UPDATED

    async def _retrieve(self, request: web.Request) -> Json:
        asked = await _read(request, m.PointRequest)
        payload = True if asked.with_payload is None else asked.with_payload
        found = await self._db.retrieve(_name(request), asked.ids, payload, asked.with_vector or False)
        return [point(record) for record in found]

    async def _delete(self, request: web.Request) -> Json:
        await self._db.delete(_name(request), await _read(request, m.PointsSelector))
        return UPDATED

    async def _count(self, request: web.Request) -> Json:
        asked = await _read(request, m.CountRequest)
        return {"count": (await self._db.count(_name(request), asked.filter)).count}

    async def _scroll(self, request: web.Request) -> Json:
        asked = await _read(request, m.ScrollRequest)
        payload = True if asked.with_payload is None else asked.with_payload
        found, following = await self._db.scroll(
            _name(request),
            asked.filter,
            asked.limit or 10,
            None,
            asked.offset,
            payload,
            asked.with_vector or False,
        )
        return {"points": [point(record) for record in found], "next_page_offset": following}

    # --- searches ----------------------------------------------------------------------------

    async def _query(self, request: web.Request) -> Json:
        return {"points": await self._hits(_name(request), await _read(request, m.QueryRequest))}

    async def _query_batch(self, request: web.Request) -> Json:
        asked = await _read(request, m.QueryRequestBatch)
        for place, search in enumerate(asked.searches):
            check_not_zero(search.limit, f"searches[{place}].limit")
        return [{"points": await self._hits(_name(request), search)} for search in asked.searches]

    async def _search(self, request: web.Request) -> Json:
        return await self._hits(_name(request), read_legacy(await request.read()))

    async def _search_batch(self, request: web.Request) -> Json:
        asked = read_legacy_batch(await request.read())
        return [await self._hits(_name(request), search) for search in asked.searches]

    async def _query_groups(self, request: web.Request) -> Json:
        asked = await _read(request, m.QueryGroupsRequest)
        limit, group_size = asked.limit or 10, asked.group_size or 3
        self._check_limit(_name(request), limit * group_size)
        found = await self._db.query_points_groups(
            _name(request),
            group_by=asked.group_by,
            query=await self._vector(_name(request), asked.query, asked.using),
            using=asked.using,
            query_filter=asked.filter,
            limit=limit,
            group_size=group_size,
            with_payload=asked.with_payload or False,
            with_vectors=asked.with_vector or False,
            score_threshold=asked.score_threshold,
        )
        return {
            "groups": [{"hits": [point(hit) for hit in group.hits], "id": group.id} for group in found.groups]
        }

    async def _hits(self, name: str, asked: m.QueryRequest) -> list[Json]:
        check_not_zero(asked.limit, "limit")
        prefetch = [await self._prefetch(name, one) for one in prefetches(asked)]
        self._check_limit(name, asked.limit or 10)
        found = await self._db.query_points(
            name,
            query=await self._vector(name, asked.query, asked.using),
            using=asked.using,
            prefetch=prefetch or None,
            query_filter=asked.filter,
            search_params=asked.params,
            limit=asked.limit or 10,
            offset=asked.offset,
            with_payload=False if asked.with_payload is None else asked.with_payload,
            with_vectors=False if asked.with_vector is None else asked.with_vector,
            score_threshold=asked.score_threshold,
            lookup_from=asked.lookup_from,
        )
        return [point(hit) for hit in found.points]

    async def _prefetch(self, name: str, asked: m.Prefetch) -> m.Prefetch:
        self._check_limit(name, asked.limit or 10)
        deeper = [await self._prefetch(name, one) for one in prefetches(asked)]
        query = await self._vector(name, asked.query, asked.using)
        return asked.model_copy(update={"query": query, "prefetch": deeper or None})

    def _check_limit(self, name: str, limit: int) -> None:
        most = self._max_query_limit.get(name)
        if most is not None and limit > most:
            advice = f'Help: Reduce the "limit" parameter to or below {most}.'
            raise Refused(400, f'Limit exceeded {limit} > {most} for "limit". {advice}')

    async def _vector(self, name: str, query: Json, using: str | None) -> Json:
        """Unwrap what the in-memory client takes bare; embed a text as a server's inference does."""
        if isinstance(query, m.NearestQuery) and query.mmr is None:
            query = query.nearest
        if not isinstance(query, m.Document):
            return query
        vectors = (await self._db.get_collection(name)).config.params.vectors
        params = vectors.get(using or "") if isinstance(vectors, dict) else vectors
        if params is None:
            raise Refused(400, f"Wrong input: Not existing vector name error: {using}")
        return embed(query.text, params.size)


def _name(request: web.Request) -> str:
    return request.match_info["name"]


async def _read(request: web.Request, model: Json) -> Json:
    return read(await request.read(), model)


async def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-key")
    options = parser.parse_args()
    runner = web.AppRunner(QdrantStandIn(options.api_key).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
