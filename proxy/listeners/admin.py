"""The admin port: is it alive and ready, how are its models, what is in its caches, what is proven.

    GET /live        200 as long as the event loop turns
    GET /ready       200 once every model has scored one batch, 503 until then
    GET /status      every model with its state and figures, and why it is left alone, if it is; as JSON
    GET /cache       figures of the caches, as JSON; 404 without a cache
    DELETE /cache    forget all scores; 403 to whoever is not a tool on this machine, see `operators.py`
    GET /evidence    what live traffic proves of reranking, as JSON; 404 where nobody watches
    DELETE /evidence?store=S&collection=C
                     the harm guard forgets a collection, which switches it on again; 403 as above

Neither probe depends on a store or on a cache: midrank passes requests through whatever its models do, and a
probe that followed a dependency would take the app down together with it. So a model whose breaker is open
does not make midrank unready: it is told as `open`, or `half_open`, beside a status that stays `ready`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import orjson
from aiohttp import hdrs, web

from proxy.errors import BadConfig, Mistake
from proxy.listeners.operators import refusal
from proxy.policy_base import split_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)


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


class AdminListener:
    """Serves the probes, the models' states and, where there are such, the cache and the evidence."""

    def __init__(
        self,
        address: str,
        models: Callable[[], Mapping[str, str]],
        cache: CacheControl | None = None,
        details: Callable[[], Mapping[str, Mapping[str, object]]] = dict,
        evidence: EvidenceControl | None = None,
    ) -> None:
        """Take what tells a state for every model, by name, and `details`, which JSON can hold, for some."""
        self._host, self._port = split_address(address)
        self._models = models
        self._cache = cache
        self._details = details
        self._evidence = evidence
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The bound host and port."""
        assert self._runner is not None, "started first"
        host, port = self._runner.addresses[0][:2]
        return host, port

    async def start(self) -> None:
        """Listen.

        Raises:
            BadConfig: the address can't be bound.
        """
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self.close()
            place = f"{self._host}:{self._port}"
            why = error.strerror or "cannot be bound"
            raise BadConfig((Mistake("(policy)", "admin", place, f"a free address; {why}"),)) from error

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/live":
            return _json(200, {"status": "alive"})
        if request.path == "/ready":
            models = self._models()
            status = _status(models)
            return _json(200 if status == "ready" else 503, {"status": status, "models": models})
        if request.path == "/status":
            models, details = self._models(), self._details()
            told = {name: {"state": state, **details.get(name, {})} for name, state in models.items()}
            return _json(200, {"status": _status(models), "models": told})
        if request.path == "/cache":
            return await self._answer_about_cache(request)
        if request.path == "/evidence":
            return await self._answer_about_evidence(request)
        return _error(404, "not_found", "there are /live, /ready, /status, /cache and /evidence")

    async def _answer_about_cache(self, request: web.BaseRequest) -> web.Response:
        if self._cache is None:
            return _error(404, "not_found", "no rule of the policy has a cache")
        if request.method == hdrs.METH_GET:
            return _json(200, self._cache.stats())
        refused = _refused(request, "GET tells the figures, DELETE forgets all scores")
        if refused is not None:
            return refused
        if await self._cache.clear():
            _log.info("cache cleared")
            return _json(200, {"status": "cleared"})
        _log.warning("cache cleared here, and elsewhere once Redis is there")
        return _json(202, {"status": "cleared here; Redis is away, and is told as soon as it is back"})

    async def _answer_about_evidence(self, request: web.BaseRequest) -> web.Response:
        if self._evidence is None:
            return _error(404, "not_found", "nobody watches: no harm guard, no shadow, no experiment")
        if request.method == hdrs.METH_GET:
            return _json(200, await self._evidence.evidence())
        refused = _refused(request, "GET tells what is proven, DELETE forgets harm")
        if refused is not None:
            return refused
        store, collection = request.query.get("store"), request.query.get("collection")
        if store is None or collection is None:
            return _error(400, "bad_request", "say which: /evidence?store=...&collection=...")
        if self._evidence.reset(store, collection):
            return _json(200, {"status": "reset"})
        return _error(404, "not_found", "no harm guard knows such a collection")


def _refused(request: web.BaseRequest, methods: str) -> web.Response | None:
    """Return why a request other than GET changes nothing; None if it is an operator's DELETE."""
    if request.method != hdrs.METH_DELETE:
        answer = _error(405, "method_not_allowed", methods)
        answer.headers[hdrs.ALLOW] = "GET, DELETE"
        return answer
    why = refusal(request.remote, request.headers)
    return None if why is None else _error(403, "forbidden", why)


def _status(models: Mapping[str, str]) -> str:
    states = set(models.values())
    return "failed" if "failed" in states else "warming" if "warming" in states else "ready"


def _error(status: int, error: str, message: str) -> web.Response:
    return _json(status, {"error": error, "message": message})


def _json(status: int, content: Mapping[str, object]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")
