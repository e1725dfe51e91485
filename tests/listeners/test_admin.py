"""The admin port: probes and figures for everyone, clearing the cache for this machine alone."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from proxy.errors import BadConfig
from proxy.listeners.admin import AdminListener


class CountingCache:
    """Counts how often it was cleared."""

    def __init__(self):
        self.cleared = 0
        self.all_told = True

    def stats(self):
        return {"memory": {"entries": 3, "bytes": 4096}}

    async def clear(self):
        self.cleared += 1
        return self.all_told


@pytest.fixture
async def admin():
    listeners = []

    async def start(cache=None, models=None, address="127.0.0.1:0", details=None):
        listener = AdminListener(address, lambda: models or {}, cache, lambda: details or {})
        listeners.append(listener)
        await listener.start()
        return listener

    yield start
    for listener in listeners:
        await listener.close()


async def ask(listener, method, path, **headers):
    host, port = listener.address
    place = f"[{host}]" if ":" in host else host
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{place}:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.json(), answer.headers


@pytest.mark.parametrize(
    ("models", "status", "word"),
    [
        ({}, 200, "ready"),
        ({"a": "ready", "b": "warming"}, 503, "warming"),
        ({"a": "failed", "b": "warming"}, 503, "failed"),
        ({"a": "open", "b": "half_open"}, 200, "ready"),
    ],
)
async def test_it_is_ready_when_all_models_are(admin, models, status, word):
    listener = await admin(models=models)

    assert (await ask(listener, "GET", "/live"))[0] == 200
    assert (await ask(listener, "GET", "/ready"))[:2] == (status, {"status": word, "models": models})


async def test_models_tell_how_they_are_at_length(admin):
    states = {"a": "open", "b": "ready"}
    listener = await admin(
        models=states, details={"a": {"reason": "rate_limited", "figures": {"breaker": 2}}}
    )

    assert (await ask(listener, "GET", "/status"))[:2] == (
        200,
        {
            "status": "ready",
            "models": {
                "a": {"state": "open", "reason": "rate_limited", "figures": {"breaker": 2}},
                "b": {"state": "ready"},
            },
        },
    )


async def test_the_cache_tells_its_figures(admin):
    status, told, _ = await ask(await admin(CountingCache()), "GET", "/cache")

    assert (status, told) == (200, {"memory": {"entries": 3, "bytes": 4096}})


async def test_the_cache_is_cleared_from_this_machine(admin):
    cache = CountingCache()

    assert (await ask(await admin(cache), "DELETE", "/cache"))[:2] == (200, {"status": "cleared"})
    assert cache.cleared == 1


async def test_that_others_are_still_to_be_told_is_said(admin):
    cache = CountingCache()
    cache.all_told = False

    status, body = (await ask(await admin(cache), "DELETE", "/cache"))[:2]
    assert status == 202
    assert "Redis is away" in body["status"]


async def test_a_listener_for_all_addresses_knows_this_machine_in_both_notations(admin):
    cache = CountingCache()
    for address in ("0.0.0.0:0", "[::1]:0"):
        listener = await admin(cache, address=address)

        assert (await ask(listener, "DELETE", "/cache", host="localhost"))[0] == 200

    assert cache.cleared == 2


@pytest.mark.parametrize(
    "headers",
    [{"host": "rebound.example"}, {"origin": "http://127.0.0.1"}, {"x-forwarded-for": "10.0.0.7"}],
)
async def test_others_may_not_clear_it(admin, headers):
    cache = CountingCache()
    listener = await admin(cache)

    status, told, _ = await ask(listener, "DELETE", "/cache", **headers)

    assert (status, told["error"]) == (403, "forbidden")
    assert cache.cleared == 0


async def test_a_peer_that_is_not_loopback_may_not_clear_it(admin):
    """Asked over this machine's own address, the listener sees that address as its peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only looks up the way there
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    cache = CountingCache()
    listener = await admin(cache, address=f"{own}:0")

    status, told, _ = await ask(listener, "DELETE", "/cache", host="127.0.0.1")

    assert status == 403
    assert "only this machine" in told["message"]
    assert cache.cleared == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
async def test_nothing_that_a_page_may_send_unasked_clears_it(admin, method):
    """A form's POST needs no preflight; DELETE does, and OPTIONS grants none."""
    cache = CountingCache()

    status, _, headers = await ask(await admin(cache), method, "/cache")

    assert status == 405
    assert headers["allow"] == "GET, DELETE"
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert cache.cleared == 0


async def test_without_a_cache_there_is_nothing_to_tell(admin):
    listener = await admin()

    for method in ("GET", "DELETE"):
        status, told, _ = await ask(listener, method, "/cache")
        assert (status, told["error"]) == (404, "not_found")
    assert (await ask(listener, "GET", "/policy"))[0] == 404


async def test_an_address_in_use_is_a_clear_mistake(admin):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(BadConfig, match=f"admin: 127.0.0.1:{port} - a free address"):
            await admin(address=f"127.0.0.1:{port}")
