"""The admin port: probes for everyone, figures for operators, changes for this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp
import pytest
import yaml

from proxy.errors import BadConfig
from proxy.listeners.admin import AdminListener
from proxy.listeners.http_connection import HttpLimits
from proxy.policy_admin import AdminSettings
from tests.fakes.operated import Operated

KEY = "a key of operators"
BEARER = {"authorization": f"Bearer {KEY}"}
# Whoever is not a tool on this machine; a peer from elsewhere is told in the same way.
AFAR = {"x-forwarded-for": "10.0.0.7"}
READ = ("/status", "/policy", "/cache", "/evidence")


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


class Proof:
    async def evidence(self):
        return {"harm": {}}

    def reset(self, store, collection):
        return False


async def metrics(accept):
    return b"midrank_build 1.0\n", "application/openmetrics-text" if "openmetrics" in accept else "text/plain"


@pytest.fixture
async def admin():
    listeners = []

    async def start(operated=None, *, address="127.0.0.1:0", api_key=None, limits=None):
        settings = AdminSettings(listen=address, api_key=api_key)
        listener = AdminListener(settings, operated or Operated(), limits=limits)
        listeners.append(listener)
        await listener.start()
        return listener

    yield start
    for listener in listeners:
        await listener.close(0)


async def asked(listener, method, path, **headers):
    host, port = listener.address
    place = f"[{host}]" if ":" in host else host
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{place}:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.read(), answer.headers


async def ask(listener, method, path, **headers):
    async with aiohttp.ClientSession() as session:
        host, port = listener.address
        place = f"[{host}]" if ":" in host else host
        async with session.request(method, f"http://{place}:{port}{path}", headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers


async def gone(writer):
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("states", [{}, {"a": "warming"}, {"a": "failed", "b": "open"}])
async def test_it_is_alive_and_ready_whatever_its_models_do(admin, states):
    listener = await admin(Operated(states=states))

    assert (await ask(listener, "GET", "/live"))[:2] == (200, {"status": "alive"})
    assert (await ask(listener, "GET", "/ready"))[:2] == (
        200,
        {"status": "ready", "models": states, "policy": {"generation": 1, "sha256": ""}},
    )


async def test_it_is_alive_and_no_longer_ready_while_it_drains(admin):
    operated = Operated(states={"a": "ready"})
    listener = await admin(operated)
    operated.draining = True

    status, told, _ = await ask(listener, "GET", "/ready")
    assert (status, told["status"]) == (503, "draining")
    assert (await ask(listener, "GET", "/live"))[0] == 200


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        ({}, 200, "warm"),
        ({"a": "ready", "b": "warming"}, 503, "warming"),
        ({"a": "failed", "b": "warming"}, 503, "warming"),
        ({"a": "failed", "b": "ready"}, 200, "warm"),
        ({"a": "open", "b": "half_open"}, 200, "warm"),
    ],
)
async def test_it_is_warm_once_no_model_is_loading(admin, states, status, word):
    listener = await admin(Operated(states=states))

    assert (await ask(listener, "GET", "/warm"))[:2] == (status, {"status": word, "models": states})


@pytest.mark.parametrize("path", ["/live", "/ready", "/warm", "/status", "/policy", "/metrics"])
async def test_a_head_is_told_as_much_as_a_get_without_the_body(admin, path):
    listener = await admin(Operated(scrape=metrics))

    got, head = await asked(listener, "GET", path), await asked(listener, "HEAD", path)

    assert (head[0], head[1]) == (got[0], b"")
    assert head[2]["content-length"] == str(len(got[1]))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_probes_are_only_read(admin, method):
    status, told, headers = await ask(await admin(), method, "/ready")

    assert (status, told["error"], headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")


async def test_metrics_come_as_the_scraper_wants_them(admin):
    listener = await admin(Operated(scrape=metrics))

    status, body, headers = await asked(listener, "GET", "/metrics", accept="application/openmetrics-text")
    assert (status, body) == (200, b"midrank_build 1.0\n")
    assert headers["content-type"] == "application/openmetrics-text"
    assert (await asked(listener, "GET", "/metrics", accept="*/*"))[2]["content-type"] == "text/plain"


async def test_where_nobody_collects_metrics_that_is_said(admin):
    status, told, _ = await ask(await admin(), "GET", "/metrics")

    assert status == 404
    assert "OTEL_SDK_DISABLED is true, or there was no `admin` at the start" in told["message"]


async def test_without_a_key_everybody_reads_metrics_and_no_more(admin):
    listener = await admin(Operated(scrape=metrics, cache=CountingCache(), proof=Proof()))

    assert (await asked(listener, "GET", "/metrics", **AFAR))[0] == 200
    for path in READ:
        assert (await asked(listener, "GET", path, **AFAR))[0] == 403
        assert (await asked(listener, "GET", path))[0] == 200
        # No key is no password: one that nobody has set opens nothing.
        assert (await asked(listener, "GET", path, **AFAR, **BEARER))[0] == 403


async def test_with_a_key_whoever_sends_it_reads_all(admin):
    listener = await admin(Operated(scrape=metrics, cache=CountingCache(), proof=Proof()), api_key=KEY)

    for path in (*READ, "/metrics"):
        status, _, headers = await asked(listener, "GET", path, **AFAR)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert (await asked(listener, "GET", path, **AFAR, authorization="Bearer other"))[0] == 401
        assert (await asked(listener, "GET", path, **AFAR, **BEARER))[0] == 200
        assert (await asked(listener, "GET", path))[0] == 200  # a tool on this machine
    for path in ("/live", "/ready", "/warm"):
        assert (await asked(listener, "GET", path, **AFAR))[0] == 200


async def test_what_is_told_may_be_typed_into_a_browser_and_not_be_asked_for_by_a_page(admin):
    listener = await admin(Operated(cache=CountingCache()))

    assert (await asked(listener, "GET", "/status", **{"sec-fetch-site": "none"}))[0] == 200
    for site in ("cross-site", "same-site", "same-origin"):
        assert (await asked(listener, "GET", "/status", **{"sec-fetch-site": site}))[0] == 403
    assert (await asked(listener, "GET", "/status", host="rebound.example"))[0] == 403
    assert (await asked(listener, "DELETE", "/cache", **{"sec-fetch-site": "none"}))[0] == 403


async def test_the_policy_comes_as_yaml_or_json(admin):
    listener = await admin()

    status, body, headers = await asked(listener, "GET", "/policy")
    assert (status, headers["content-type"]) == (200, "application/yaml")
    json = (await ask(listener, "GET", "/policy?format=json"))[1]
    assert json == (await ask(listener, "GET", "/policy", accept="application/json"))[1]
    assert yaml.safe_load(body) == json == await Operated().effective_policy()
    asked_for = await asked(listener, "GET", "/policy?format=yaml", accept="application/json")
    assert asked_for[2]["content-type"] == "application/yaml"
    assert (await asked(listener, "GET", "/policy?format=toml"))[0] == 400


async def test_the_cache_tells_its_figures(admin):
    status, told, _ = await ask(await admin(Operated(cache=CountingCache())), "GET", "/cache")

    assert (status, told) == (200, {"memory": {"entries": 3, "bytes": 4096}})


async def test_the_cache_in_use_is_the_one_that_is_asked(admin):
    """After a reload it may be another one, or none."""
    first, second = CountingCache(), CountingCache()
    operated = Operated(cache=first)
    listener = await admin(operated)
    operated.cache = second

    assert (await ask(listener, "DELETE", "/cache"))[:2] == (200, {"status": "cleared"})
    assert (first.cleared, second.cleared) == (0, 1)
    operated.cache = None
    for method in ("GET", "DELETE"):
        status, told, _ = await ask(listener, method, "/cache")
        assert (status, told["error"]) == (404, "not_found")


async def test_that_others_are_still_to_be_told_is_said(admin):
    cache = CountingCache()
    cache.all_told = False

    status, body = (await ask(await admin(Operated(cache=cache)), "DELETE", "/cache"))[:2]
    assert status == 202
    assert "Redis is away" in body["status"]


async def test_a_listener_for_all_addresses_knows_this_machine_in_both_notations(admin):
    cache = CountingCache()
    for address in ("0.0.0.0:0", "[::1]:0"):
        listener = await admin(Operated(cache=cache), address=address)

        assert (await ask(listener, "DELETE", "/cache", host="localhost"))[0] == 200

    assert cache.cleared == 2


@pytest.mark.parametrize("headers", [{"host": "rebound.example"}, {"origin": "http://127.0.0.1"}, AFAR])
@pytest.mark.parametrize("key", [None, KEY])
async def test_others_may_not_clear_it_even_with_the_key(admin, headers, key):
    cache = CountingCache()
    listener = await admin(Operated(cache=cache), api_key=key)

    status, told, _ = await ask(listener, "DELETE", "/cache", **headers, **BEARER)

    assert (status, told["error"]) == (403, "forbidden")
    assert cache.cleared == 0


async def test_where_there_is_a_key_this_machine_needs_it_to_clear_it(admin):
    cache = CountingCache()
    listener = await admin(Operated(cache=cache), api_key=KEY)

    assert (await ask(listener, "DELETE", "/cache"))[0] == 401
    assert (await ask(listener, "DELETE", "/cache", **BEARER))[0] == 200
    assert cache.cleared == 1


async def test_a_peer_that_is_not_loopback_may_not_clear_it(admin):
    """Asked over this machine's own address, the listener sees that address as its peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only looks up the way there
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    cache = CountingCache()
    listener = await admin(Operated(cache=cache), address=f"{own}:0")

    status, told, _ = await ask(listener, "DELETE", "/cache", host="127.0.0.1")

    assert status == 403
    assert "only this machine" in told["message"]
    assert cache.cleared == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
async def test_nothing_that_a_page_may_send_unasked_clears_it(admin, method):
    """A form's POST needs no preflight; DELETE does, and OPTIONS grants none."""
    cache = CountingCache()

    status, _, headers = await ask(await admin(Operated(cache=cache)), method, "/cache")

    assert status == 405
    assert headers["allow"] == "GET, HEAD, DELETE"
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert cache.cleared == 0


async def test_there_is_nothing_else(admin):
    status, told, _ = await ask(await admin(), "GET", "/other")

    assert (status, told["error"]) == (404, "not_found")
    assert "/ready, /warm, /metrics" in told["message"]


async def test_a_body_is_not_read_and_nothing_after_it_is_taken_for_a_request(admin):
    host, port = (await admin()).address
    reader, writer = await asyncio.open_connection(host, port)
    smuggled = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(smuggled)}\r\n\r\n"
    writer.write(head.encode() + smuggled)

    answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.count(b"HTTP/1.1") == 1
    await gone(writer)


async def test_clients_that_are_slow_are_let_go_of_and_keep_nobody_out(admin):
    listener = await admin(limits=HttpLimits(head_timeout=0.05, connections=3))
    host, port = listener.address
    slow = [await asyncio.open_connection(host, port) for _ in range(3)]
    for _, writer in slow:
        writer.write(b"GET /live HT")

    ends = await asyncio.gather(*(reader.read() for reader, _ in slow))

    assert all(end.startswith(b"HTTP/1.1 408") for end in ends)
    assert (await ask(listener, "GET", "/live"))[0] == 200
    for _, writer in slow:
        await gone(writer)


async def test_another_listener_takes_over_at_the_same_address_with_another_key(admin):
    first = await admin(api_key=KEY)
    second = AdminListener(AdminSettings(listen="127.0.0.1:0", api_key="another key"), Operated())
    second.succeed(first)

    status = [
        (await asked(first, "GET", "/status", **AFAR, authorization=f"Bearer {key}"))[0]
        for key in (KEY, "another key")
    ]

    assert status == [401, 200]
    await second.close(0)


async def test_an_address_that_is_not_ours_is_a_clear_mistake(admin):
    with pytest.raises(BadConfig, match=r"admin: 192\.0\.2\.1:9901 - a free address"):
        await admin(address="192.0.2.1:9901")
