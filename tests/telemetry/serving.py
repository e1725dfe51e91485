"""midrank in front of a store, with telemetry as the standard variables say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp

from proxy.app import App
from proxy.policy import Policy
from proxy.telemetry import telemetry_from_environment
from tests.fakes.fixed_store import QUERY_PATH, FixedStore, query

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Served:
    """What is asked, and what records it."""

    def __init__(self, app, session, http):
        self._app = app
        self._http = http
        self.telemetry = session.telemetry

    @property
    def url(self):
        return "http://{}:{}".format(*self._app.addresses["chroma"])

    async def search(self, text="how fast", body=None, **headers):
        headers = {"x-midrank-query": text, "content-type": "application/json", **headers}
        async with self._http.post(self.url + QUERY_PATH, data=body or query(), headers=headers) as answer:
            await answer.read()
            return answer

    async def scrape(self, accept=""):
        return await self.telemetry.scrape(accept)


@asynccontextmanager
async def served(scorer, *, store=FixedStore, **policy):
    """Serve; all that is recorded has been flushed when this ends."""
    upstream = await asyncio.get_running_loop().create_server(store, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    session = await asyncio.to_thread(telemetry_from_environment, prometheus=True)
    listen = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": f"http://127.0.0.1:{port}"}
    settings = {"stores": [listen], "rules": [{"budget_ms": 30_000}], **policy}
    app = App(Policy.model_validate(settings), scorers={"default": scorer}, telemetry=session.telemetry)
    await app.start()
    await app.loaded()
    try:
        async with aiohttp.ClientSession() as http:
            yield Served(app, session, http)
    finally:
        await app.close()
        await asyncio.to_thread(session.close)
        upstream.close()
