"""midrank in front of a store of twenty rows, on the test's own event loop, with scorers of its choice."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp

from proxy.app import App
from proxy.policy import Policy
from tests.fakes.fixed_store import QUERY_PATH, FixedStore, query

STORE = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
MODEL = {"kind": "late_interaction"}


class Front:
    """What apps and operators ask of it."""

    def __init__(self, app, session):
        self.app = app
        self._session = session

    async def ask(self, words="any words", headers=None):
        """Return the headers and the body of an answer."""
        host, port = self.app.addresses["chroma"]
        headers = {"x-midrank-query": quote(words), "content-type": "application/json", **(headers or {})}
        async with self._session.post(
            f"http://{host}:{port}{QUERY_PATH}", data=query(), headers=headers
        ) as answer:
            assert answer.status == 200
            return answer.headers, await answer.json()

    async def search(self, words="any words"):
        """Return what an answer says about itself: outcome, reason and attempts."""
        headers, _ = await self.ask(words)
        return tuple(headers.get(f"x-midrank{part}") for part in ("", "-reason", "-attempts"))

    async def admin(self, path):
        """Return the status and body of what the admin port answers."""
        host, port = self.app.admin_address
        async with self._session.get(f"http://{host}:{port}{path}") as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def fronted(scorers, *, more_models=None, telemetry=None, rule=None, **rest):
    """Run it with scorers by name, the better ones first; `rule` and `rest` are added to the policy.

    `more_models` are scorers too, which the rule does not name.
    """
    store = await asyncio.get_running_loop().create_server(FixedStore, "127.0.0.1", 0)
    port = store.sockets[0].getsockname()[1]
    policy = Policy.model_validate(
        {
            "stores": [{**STORE, "upstream": f"http://127.0.0.1:{port}"}],
            "models": dict.fromkeys([*scorers, *(more_models or {})], MODEL),
            "rules": [
                {"rerank": list(scorers), "budget_ms": 30_000, "candidates": {"max": 20}, **(rule or {})}
            ],
            "admin": "127.0.0.1:0",
            **rest,
        }
    )
    app = App(policy, scorers={**scorers, **(more_models or {})}, telemetry=telemetry)
    await app.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Front(app, session)
    finally:
        await app.close()
        store.close()
        await store.wait_closed()
