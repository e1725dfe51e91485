"""What an admin listener asks: a process that is as a test says."""

from __future__ import annotations

from proxy.listeners.admin import AdminListener
from proxy.policy_admin import AdminSettings


class Operated:
    """Answers what it was given; attributes may be changed while it is asked."""

    def __init__(self, *, states=None, cache=None, proof=None, scrape=None, told=None):
        self.states = states or {}
        self.cache = cache
        self.proof = proof
        self.scrape = scrape
        self.draining = False
        self.told = told or {}

    def models(self):
        return self.states

    def policy_in_use(self):
        return {"generation": 1, "sha256": ""}

    async def effective_policy(self):
        return {"version": 1, "stores": [{"name": "chroma", "kind": "chroma"}]}

    async def status(self):
        return {"status": "ready", **self.told}


class Admin:
    """Its listener, as a context manager that gives the port, for tests of commands; see `served`."""

    def __init__(self, operated, api_key=None, address="127.0.0.1:0"):
        settings = AdminSettings(listen=address, api_key=api_key)
        self._listener = AdminListener(settings, operated)

    async def __aenter__(self):
        await self._listener.start()
        return self._listener.address[1]

    async def __aexit__(self, *_):
        await self._listener.close(0)
