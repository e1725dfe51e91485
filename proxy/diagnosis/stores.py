"""Whether a store is there and is what the policy says, and whether there is text in its collections.

Rows are read as searches read them: by the codec, in a search for a few rows near some vector.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.codecs.chroma import ChromaCodec
from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import TextFields
from proxy.diagnosis.finding import failed, ok, warning
from proxy.diagnosis.redis import clock
from proxy.errors import Oversized, Unanswerable, Undecodable
from proxy.model import WireRequest
from proxy.policy import ChromaStore
from proxy.upstream.http import HttpUpstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from proxy.codecs.base import Codec
    from proxy.diagnosis.finding import Finding
    from proxy.model import WireResponse
    from proxy.policy import Policy, Store

    Headers = Sequence[tuple[str, str]]

_BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
# Collections that are looked into, and the rows of each.
COLLECTIONS, ROWS = 5, 10
# Seconds of silence.
_PATIENCE = 5.0
_CREDENTIALS = "pass the credentials that the app sends: --header 'api-key: ${KEY}'"


class Collection(NamedTuple):
    """A collection: how it is called, by which id its paths go, and a search near some vector of it.

    `search` is None where it is not known how to make one; `empty` collections have no rows.
    """

    name: str
    path: str
    search: dict[str, Any] | None
    empty: bool = False


class StoreAway(Exception):
    """The store does not answer what is asked; carries what is told."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.told)
        self.finding = finding


class Visit:
    """A store, asked directly, with the headers of an app."""

    def __init__(self, store: Store, headers: Headers = ()) -> None:
        self.store = store
        self._what = f"store {store.name}"
        self._upstream = HttpUpstream(store.upstream, silence_timeout=_PATIENCE)
        self._headers = CIMultiDictProxy(CIMultiDict([*headers, ("content-type", "application/json")]))

    async def findings(self, policy: Policy) -> AsyncIterator[Finding]:
        """Yield what there is to say."""
        async with self._upstream:
            try:
                async for finding in self._there():
                    yield finding
                names = await self._names()
                if not names:
                    yield warning(
                        self._what, "no collections", "write some documents, through midrank or not"
                    )
                for name in names[:COLLECTIONS]:
                    yield await self._text_of(await self._collection(name), policy)
            except StoreAway as away:
                yield away.finding

    async def collection(self, name: str) -> Collection:
        """Return one of its collections.

        Raises:
            StoreAway: it does not tell.
        """
        async with self._upstream:
            if name not in await self._names():
                raise StoreAway(failed(f"collection {name}", "is not there", "see the name"))
            return await self._collection(name)

    def request(self, collection: Collection) -> WireRequest:
        """Return a search of a collection."""
        return WireRequest("POST", collection.path, self._headers, orjson.dumps(collection.search))

    async def _there(self) -> AsyncIterator[Finding]:
        started = time.perf_counter()
        path = "/api/v2/version" if isinstance(self.store, ChromaStore) else "/"
        answer = await self._get(path)
        took = (time.perf_counter() - started) * 1000
        told = _parsed(answer)
        version = told if isinstance(told, str) else told.get("version") if isinstance(told, dict) else None
        if not isinstance(version, str):
            to_do = f"upstream should be a {self.store.kind}; see kind and upstream in the policy"
            raise StoreAway(failed(self._what, f"what is at {self.store.upstream} is none", to_do))
        yield ok(
            self._what, f"{self.store.kind} {version} at {self.store.upstream}, answers in {took:.0f} ms"
        )
        if (date := answer.headers.get("date")) is not None:
            yield clock(self.store.name, parsedate_to_datetime(date).timestamp())

    async def _names(self) -> list[str]:
        if isinstance(self.store, ChromaStore):
            listed = _parsed(await self._get(f"{_BASE}?limit=1000"))
        else:
            result = _parsed(await self._get("/collections"))
            listed = (
                result["result"]["collections"] if isinstance(result, dict) and "result" in result else ()
            )
        return [one["name"] for one in listed or () if isinstance(one, dict) and "name" in one]

    async def _collection(self, name: str) -> Collection:
        quoted = quote(name, safe="")
        if isinstance(self.store, ChromaStore):
            told = _parsed(await self._get(f"{_BASE}/{quoted}")) or {}
            path, dimension = f"{_BASE}/{told.get('id')}/query", told.get("dimension")
            search = {"query_embeddings": [_vector(dimension)], "n_results": ROWS} if dimension else None
            return Collection(name, path, search, empty=not dimension)
        result = (_parsed(await self._get(f"/collections/{quoted}")) or {}).get("result") or {}
        vectors = ((result.get("config") or {}).get("params") or {}).get("vectors") or {}
        using = None
        if vectors and "size" not in vectors:
            using, vectors = next(iter(vectors.items()))
        size = vectors.get("size")
        search = (
            {"query": _vector(size), "limit": ROWS, **({"using": using} if using else {})} if size else None
        )
        empty = result.get("points_count") == 0
        return Collection(name, f"/collections/{quoted}/points/query", search, empty=empty)

    async def _text_of(self, collection: Collection, policy: Policy) -> Finding:
        what = f"text of {self.store.name}/{collection.name}"
        rule = policy.rule(self.store.name, collection.name)
        if rule is None or rule.mode == "off":
            return ok(what, "no rule reranks it")
        if collection.empty:
            return ok(what, "it has no rows yet")
        if collection.search is None:
            return ok(what, "not looked at: its vectors are of a kind that the doctor has none of")
        try:
            call = self._codec(collection.name).decode_request(self.request(collection))
            answer = await self._fetch(call.encode_request((ROWS,)))
            rows = call.decode_response(answer).candidates[0]
        except Undecodable as error:
            return failed(
                what, f"not understood: {error}", "the store's version is not known: please report it"
            )
        texts = sum(one.text is not None for one in rows)
        told = f"found in {texts} of {len(rows)} rows"
        if rows and texts == 0:
            example = "document or metadata.KEY" if isinstance(self.store, ChromaStore) else "path.in.payload"
            to_do = f"say where it is: stores[].text: {{'{collection.name}': {{fields: [{example}]}}}}"
            return failed(what, told, to_do)
        if texts < len(rows):
            return warning(what, told, "rows without text stay where the store has them: see stores[].text")
        return ok(what, told)

    def _codec(self, collection: str) -> Codec:
        fields = next(
            (
                TextFields(text.fields, text.join)
                for glob, text in self.store.text.items()
                if fnmatchcase(collection, glob)
            ),
            TextFields(),
        )
        if isinstance(self.store, ChromaStore):
            return ChromaCodec(lambda _: fields)
        return QdrantHttpCodec(lambda _: fields, QdrantOptions())

    async def _get(self, target: str) -> WireResponse:
        return await self._fetch(WireRequest("GET", target, self._headers, b""))

    async def _fetch(self, request: WireRequest) -> WireResponse:
        try:
            answer = await self._upstream.fetch(request)
        except Unanswerable as error:
            to_do = "see whether it runs, and upstream in the policy, DNS and egress rules"
            if self.store.upstream.startswith("https:"):
                to_do += "; and whether it speaks TLS, with a certificate that is trusted here"
            told = f"{self.store.upstream}: {error.detail}"
            raise StoreAway(failed(self._what, told, to_do)) from error
        except (Undecodable, Oversized) as error:
            raise StoreAway(failed(self._what, "answers what is not asked", "see upstream")) from error
        if answer.status in (401, 403):
            raise StoreAway(warning(self._what, f"answers {answer.status}", _CREDENTIALS))
        if answer.status != 200:
            to_do = (
                "see the store's own log"
                if answer.status >= 500
                else f"see whether it is a {self.store.kind}, of a version that midrank knows"
            )
            raise StoreAway(failed(self._what, f"answers {answer.status} to {request.target}", to_do))
        return answer


def _vector(size: int) -> list[float]:
    return [1.0, *[0.0] * (size - 1)]


def _parsed(answer: WireResponse) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
