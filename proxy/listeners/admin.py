"""The admin port: is the process alive, is it ready.

Neither depends on a store: midrank passes requests through whatever its models do, and a probe that
followed a dependency would take the app down together with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from proxy.errors import BadConfig, Mistake
from proxy.policy import split_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AdminListener:
    """Serves `/live` (the event loop turns) and `/ready` (every model has scored one batch)."""

    def __init__(self, address: str, models: Callable[[], Mapping[str, str]]) -> None:
        self._host, self._port = split_address(address)
        self._models = models
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
            states = set(models.values())
            status = "failed" if "failed" in states else "warming" if "warming" in states else "ready"
            return _json(200 if status == "ready" else 503, {"status": status, "models": models})
        return _json(404, {"error": "not_found", "message": "there are /live and /ready"})


def _json(status: int, content: Mapping[str, object]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")
