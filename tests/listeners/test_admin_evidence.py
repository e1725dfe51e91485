"""The admin port on proof: operators may read what is known, this machine alone may have it forgotten."""

from __future__ import annotations

import aiohttp
import pytest

from proxy.listeners.admin import AdminListener
from proxy.policy_admin import AdminSettings
from tests.fakes.operated import Operated

KNOWN = {"harm": {"collections": [{"store": "chroma", "collection": "a/b c", "state": "open"}]}}


class Guard:
    """Knows one collection, until it is reset."""

    def __init__(self):
        self.resets = []

    async def evidence(self):
        return KNOWN

    def reset(self, store, collection):
        self.resets.append((store, collection))
        return (store, collection) == ("chroma", "a/b c")


@pytest.fixture
async def admin():
    listeners = []

    async def start(guard=None):
        listener = AdminListener(AdminSettings(listen="127.0.0.1:0"), Operated(proof=guard))
        listeners.append(listener)
        await listener.start()
        return listener

    yield start
    for listener in listeners:
        await listener.close(0)


async def ask(listener, method, params=None, **headers):
    host, port = listener.address
    url = f"http://{host}:{port}/evidence"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, params=params, headers=headers) as answer,
    ):
        return answer.status, await answer.json(), answer.headers


async def test_what_is_known_is_told(admin):
    assert (await ask(await admin(Guard()), "GET"))[:2] == (200, KNOWN)


async def test_a_collection_is_reset(admin):
    guard = Guard()
    listener = await admin(guard)

    answer = await ask(listener, "DELETE", {"store": "chroma", "collection": "a/b c"})

    assert answer[:2] == (200, {"status": "reset"})
    assert guard.resets == [("chroma", "a/b c")]


async def test_a_collection_that_nothing_is_known_of_is_not_there(admin):
    status, told, _ = await ask(await admin(Guard()), "DELETE", {"store": "chroma", "collection": "other"})

    assert (status, told["error"]) == (404, "not_found")


@pytest.mark.parametrize("params", [{}, {"store": "chroma"}, {"collection": "docs"}])
async def test_it_has_to_be_said_which_one(admin, params):
    guard = Guard()

    status, told, _ = await ask(await admin(guard), "DELETE", params)

    assert (status, told["error"]) == (400, "bad_request")
    assert guard.resets == []


@pytest.mark.parametrize(
    "headers",
    [{"host": "rebound.example"}, {"origin": "http://127.0.0.1"}, {"x-forwarded-for": "10.0.0.7"}],
)
async def test_others_may_not_reset(admin, headers):
    guard = Guard()

    status, told, _ = await ask(
        await admin(guard), "DELETE", {"store": "chroma", "collection": "a/b c"}, **headers
    )

    assert (status, told["error"]) == (403, "forbidden")
    assert guard.resets == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS"])
async def test_nothing_that_a_page_may_send_unasked_resets(admin, method):
    guard = Guard()

    status, _, headers = await ask(await admin(guard), method)

    assert (status, headers["allow"]) == (405, "GET, HEAD, DELETE")
    assert guard.resets == []


async def test_where_nobody_watches_there_is_nothing_to_tell(admin):
    listener = await admin()

    for method in ("GET", "DELETE"):
        status, told, _ = await ask(listener, method)
        assert (status, told["error"]) == (404, "not_found")
