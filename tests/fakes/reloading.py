"""An app on the test's own loop whose policies follow each other, and what is asked of it."""

from __future__ import annotations

import asyncio

import orjson
import psutil

from proxy.app import App
from proxy.errors import BadConfig, Mistake
from proxy.policy import Policy
from tests.fakes.fixed_store import QUERY_PATH, FixedStore, query
from tests.fakes.odd_scorers import Reversing
from tests.fakes.servers import free_address

MODEL = {"kind": "late_interaction"}
STORE_ORDER = [f"row-{row}" for row in range(20)]
REVERSED = STORE_ORDER[::-1]


class Models(dict):
    """Reversing models by any name; one is only made when a policy asks for it."""

    def __bool__(self):
        return True

    def get(self, name):
        return self.setdefault(name, Reversing(name))


class Slow(Reversing):
    """Takes as long to load as the test likes."""

    def __init__(self, name="slow"):
        super().__init__(name)
        self.go_on = asyncio.Event()
        self.closed = False

    async def start(self):
        await self.go_on.wait()
        await super().start()

    async def close(self):
        self.closed = True


class Broken(Reversing):
    async def start(self):
        raise BadConfig((Mistake("m", "models.m", "damaged", "weights"),))


class Stage:
    """Stores on the test's loop, and apps in front of them."""

    def __init__(self):
        self.models = Models()
        self.listen = free_address()
        self._stores = []
        self._apps = []

    async def store(self, protocol=FixedStore):
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        self._stores.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def policy(self, *names, listen=None, upstream=None, rule=None, **more):
        """Return a policy that reranks with these models; without any it leaves all as it is."""
        self.upstream = upstream or getattr(self, "upstream", None) or await self.store()
        rules = [{"rerank": list(names), "budget_ms": 30_000, "candidates": {"max": 20}, **(rule or {})}]
        listen = listen or f"127.0.0.1:{self.listen.port}"
        return Policy.model_validate(
            {
                "stores": [{"kind": "chroma", "listen": listen, "upstream": self.upstream}],
                "models": dict.fromkeys(names or ("unused",), MODEL),
                "rules": rules if names else [{"mode": "off"}],
                **more,
            }
        )

    async def app(self, policy, **more):
        app = App(policy, scorers=self.models, **more)
        self._apps.append(app)
        await app.start()
        await app.loaded()
        return app

    async def close(self):
        for app in self._apps:
            await app.close()
        for store in self._stores:
            store.close()
            await store.wait_closed()


async def ids(session, app, words="any words"):
    """Return the order in which a search is answered."""
    host, port = app.addresses["chroma"]
    headers = {"x-midrank-query": words, "content-type": "application/json"}
    url = f"http://{host}:{port}{QUERY_PATH}"
    async with session.post(url, data=query(), headers=headers) as answer:
        assert answer.status == 200
        return orjson.loads(await answer.read())["ids"][0]


async def admin(session, app, path):
    host, port = app.admin_address
    async with session.get(f"http://{host}:{port}{path}") as answer:
        return answer.status, await answer.read()


async def clear_cache(session, app, key=None):
    host, port = app.admin_address
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    async with session.delete(f"http://{host}:{port}/cache", headers=headers) as answer:
        return answer.status


def descriptors():
    return psutil.Process().num_fds()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it happens behind an answer
            await asyncio.sleep(0.005)
