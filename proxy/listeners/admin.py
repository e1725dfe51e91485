"""The admin port: is it alive, ready and warm, what does it measure, how is it, what is in use.

For everyone who reaches it; with an `api_key` in the policy, /metrics for whoever sends that:

    GET /live        200 as long as the event loop turns
    GET /ready       200 once all listeners are open, 503 as soon as it drains; in what is in use, see below
    GET /warm        200 once no model is loading any more, 503 until then: for who would rather wait
    GET /metrics     all metrics, as Prometheus or OpenMetrics text; 404 where nobody collects them

For tools on this machine, and whoever sends the `api_key`, see `operators`:

    GET /status      stores, models, rules, caches and what became of the last minutes' searches, as JSON
    GET /policy      the policy in use with all its defaults and no secret, as YAML or, `?format=json`, JSON
    GET /cache       figures of the caches, as JSON; 404 without a cache
    GET /evidence    what live traffic proves of reranking, as JSON; 404 where nobody watches

For tools on this machine, which also send the `api_key` if there is one:

    DELETE /cache    forget all scores
    DELETE /evidence?store=S&collection=C
                     the harm guard forgets a collection, which switches it on again

No probe depends on a model, a store, a cache or a collector: midrank passes requests through whatever those
do, and a probe that followed a dependency would take the app down together with it. What /ready says beside
its status, models and the policy, is for people.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol

import orjson
import yaml
from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import Unanswerable
from proxy.listeners.door import Door
from proxy.listeners.http_connection import HttpLimits
from proxy.listeners.http_request import check
from proxy.listeners.http_response import Written, refusal, whole_answer
from proxy.listeners.operators import Operators
from proxy.model import WireResponse
from proxy.policy_base import split_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from proxy.listeners.http_connection import Connection
    from proxy.listeners.operators import Refused
    from proxy.policy_admin import AdminSettings

_log = logging.getLogger(__name__)

# Probes, a scraper or two, people. Slow and silent clients are let go of soon, as each takes one of these.
_LIMITS = HttpLimits(head_timeout=5.0, body_timeout=5.0, idle_timeout=30.0, connections=128)


class CacheControl(Protocol):
    """What an operator may ask of the caches."""

    def stats(self) -> Mapping[str, object]:
        """Return figures that JSON can hold; mappings inside are groups of them."""
        ...

    async def clear(self) -> bool:
        """Forget all scores, for all who share the caches; False if others can't be told yet."""
        ...


class EvidenceControl(Protocol):
    """What an operator may ask of those who watch."""

    async def evidence(self) -> Mapping[str, object]:
        """Return what is known, as JSON can hold it; others get their turn while it is put together."""
        ...

    def reset(self, store: str, collection: str) -> bool:
        """Have the harm guard forget a collection; False if it knows nothing of that."""
        ...


class Operated(Protocol):
    """The process as an operator sees it. What is in use may be another with every question."""

    @property
    def draining(self) -> bool:
        """Whether no new work is wanted."""
        ...

    @property
    def cache(self) -> CacheControl | None:
        """The caches, if any."""
        ...

    @property
    def proof(self) -> EvidenceControl | None:
        """Those who watch, if any."""
        ...

    @property
    def scrape(self) -> Callable[[str], Awaitable[tuple[bytes, str]]] | None:
        """What returns metrics as an Accept header wants them, and their type; None where there are none."""
        ...

    def models(self) -> Mapping[str, str]:
        """Say of every model how it is: `warming`, `ready`, `failed`, or left alone, `open`, `half_open`."""
        ...

    def policy_in_use(self) -> Mapping[str, object]:
        """Return which policy is in use, and why the file on disk is not, where it isn't."""
        ...

    async def effective_policy(self) -> Mapping[str, object]:
        """Return that policy itself: with its defaults, without secrets."""
        ...

    async def status(self) -> Mapping[str, object]:
        """Return all that there is to say, as JSON can hold it."""
        ...


class _Page(NamedTuple):
    """What is at a path: who may read it, what it says, and what a DELETE does there."""

    refused: Callable[[str | None, Mapping[str, str]], Refused | None] | None
    get: Callable[[web.BaseRequest], Awaitable[WireResponse]]
    delete: Callable[[web.BaseRequest], Awaitable[WireResponse]] | None = None


class AdminListener(Door):
    """Answers probes, scrapers and operators."""

    def __init__(
        self, settings: AdminSettings, operated: Operated, *, limits: HttpLimits | None = None
    ) -> None:
        """Take where to listen, the key, and who knows what is asked."""
        host, port = split_address(settings.listen)
        super().__init__(host, port, owner=("(policy)", "admin"), limits=limits or _LIMITS)
        self._operated = operated
        self._operators = operators = Operators(settings.api_key)
        self._pages = {
            "/live": _Page(None, self._live),
            "/ready": _Page(None, self._ready),
            "/warm": _Page(None, self._warm),
            "/metrics": _Page(operators.scraping, self._metrics),
            "/status": _Page(operators.reading, self._status),
            "/policy": _Page(operators.reading, self._policy),
            "/cache": _Page(operators.reading, self._cache_figures, self._clear_cache),
            "/evidence": _Page(operators.reading, self._evidence, self._reset_evidence),
        }

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        del client  # nothing here reads a body
        try:
            check(request)
        except Unanswerable as error:
            return Written(rest=refusal(error, request), keep_alive=False, status=error.fault.http_status)
        answer = await self._page(request)
        # A body that is not read costs its connection: whatever of it still comes is no request.
        keep_alive = self._server.keeps_alive(request) and not request.body_exists
        out = whole_answer(answer, request, keep_alive=keep_alive)
        return Written(rest=out, keep_alive=keep_alive, status=answer.status)

    async def _page(self, request: web.BaseRequest) -> WireResponse:
        page = self._pages.get(request.path)
        if page is None:
            return _error(404, "not_found", f"there are {', '.join(self._pages)}")
        reads = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        deletes = request.method == hdrs.METH_DELETE and page.delete is not None
        if not reads and not deletes:
            allowed = "GET, HEAD" if page.delete is None else "GET, HEAD, DELETE"
            return _error(405, "method_not_allowed", f"there is {allowed}", allow=allowed)
        asks = page.refused if reads else self._operators.changing
        refused = asks(request.remote, request.headers) if asks is not None else None
        if refused is not None:
            challenge = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
            return _error(refused.status, refused.error, refused.why, **challenge)
        act = page.delete if deletes and page.delete is not None else page.get
        return await act(request)

    async def _live(self, _: web.BaseRequest) -> WireResponse:
        return _json(200, {"status": "alive"})

    async def _ready(self, _: web.BaseRequest) -> WireResponse:
        # The port opens after all other listeners: who gets an answer here finds them open.
        draining = self._operated.draining
        told = {"models": self._operated.models(), "policy": self._operated.policy_in_use()}
        return _json(503 if draining else 200, {"status": "draining" if draining else "ready", **told})

    async def _warm(self, _: web.BaseRequest) -> WireResponse:
        models = self._operated.models()
        warming = "warming" in models.values()
        return _json(503 if warming else 200, {"status": "warming" if warming else "warm", "models": models})

    async def _metrics(self, request: web.BaseRequest) -> WireResponse:
        scrape = self._operated.scrape
        if scrape is None:
            return _error(404, "not_found", _NO_METRICS)
        body, content_type = await scrape(request.headers.get(hdrs.ACCEPT, ""))
        return _answered(200, body, content_type)

    async def _status(self, _: web.BaseRequest) -> WireResponse:
        return _json(200, await self._operated.status())

    async def _policy(self, request: web.BaseRequest) -> WireResponse:
        policy = await self._operated.effective_policy()
        wanted = request.query.get("format")
        if wanted not in (None, "yaml", "json"):
            return _error(400, "bad_request", "the format is yaml or json")
        if wanted == "json" or (wanted is None and "json" in request.headers.get(hdrs.ACCEPT, "")):
            return _json(200, policy)
        text = yaml.safe_dump(dict(policy), sort_keys=False, allow_unicode=True)
        return _answered(200, text.encode(), "application/yaml")

    async def _cache_figures(self, _: web.BaseRequest) -> WireResponse:
        cache = self._operated.cache
        return _NO_CACHE if cache is None else _json(200, cache.stats())

    async def _clear_cache(self, _: web.BaseRequest) -> WireResponse:
        cache = self._operated.cache
        if cache is None:
            return _NO_CACHE
        if await cache.clear():
            _log.info("cache cleared")
            return _json(200, {"status": "cleared"})
        _log.warning("cache cleared here, and elsewhere once Redis is there")
        return _json(202, {"status": "cleared here; Redis is away, and is told as soon as it is back"})

    async def _evidence(self, _: web.BaseRequest) -> WireResponse:
        proof = self._operated.proof
        return _NO_PROOF if proof is None else _json(200, await proof.evidence())

    async def _reset_evidence(self, request: web.BaseRequest) -> WireResponse:
        proof = self._operated.proof
        if proof is None:
            return _NO_PROOF
        store, collection = request.query.get("store"), request.query.get("collection")
        if store is None or collection is None:
            return _error(400, "bad_request", "say which: /evidence?store=...&collection=...")
        if proof.reset(store, collection):
            return _json(200, {"status": "reset"})
        return _error(404, "not_found", "no harm guard knows such a collection")


def _error(status: int, error: str, message: str, **headers: str) -> WireResponse:
    return _json(status, {"error": error, "message": message}, **headers)


def _json(status: int, content: Mapping[str, object], **headers: str) -> WireResponse:
    return _answered(status, orjson.dumps(content), "application/json", **headers)


def _answered(status: int, body: bytes, content_type: str, **headers: str) -> WireResponse:
    told = CIMultiDict({"content-type": content_type, "cache-control": "no-store", **headers})
    return WireResponse(status, CIMultiDictProxy(told), body)


# Whether metrics are collected is settled at the start: a reload that adds the port doesn't change it.
_NO_METRICS = "nobody collects metrics here: OTEL_SDK_DISABLED is true, or there was no `admin` at the start"
_NO_CACHE = _error(404, "not_found", "no rule of the policy has a cache")
_NO_PROOF = _error(404, "not_found", "nobody watches: no harm guard, no shadow, no experiment")
