"""Names of collections, learnt or asked for once."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy import names as module
from proxy.errors import UPSTREAM_UNREACHABLE, Unanswerable
from proxy.model import WireResponse
from proxy.names import CollectionNames
from tests.fakes.toy_codec import NO_HEADERS, toy_request

REQUEST = toy_request((10, 0, "q"), headers=[("authorization", "mine")])


class Book:
    """Answers hold {id: name}."""

    def teaches(self, method, target):
        return target == "/names"

    def decode_names(self, body):
        return orjson.loads(body)

    def names_request(self, request):
        return request._replace(method="GET", target="/names")


class Store:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def fetch(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def listing(status=200, **names):
    return WireResponse(status, NO_HEADERS, orjson.dumps(names))


async def test_without_a_book_the_id_is_the_name():
    names = CollectionNames(None, Store(listing()).fetch)
    names.learn(b"{}")

    assert names.name("docs") == "docs"
    assert names.knows("docs")
    assert not names.teaches("GET", "/names")


async def test_passing_answers_teach_names():
    names = CollectionNames(Book(), Store(listing()).fetch)
    assert names.teaches("GET", "/names")
    assert not names.knows("1-2-3")

    names.learn(b'{"1-2-3": "docs"}')

    assert names.name("1-2-3") == "docs"
    assert names.knows("1-2-3")


async def test_where_no_rule_goes_by_name_nothing_is_asked():
    names = CollectionNames(Book(), Store(listing()).fetch, needed=False)
    assert names.knows("1-2-3")
    assert not names.wants("1-2-3")


async def test_a_name_that_is_wanted_and_not_needed_is_asked_for_and_done_without():
    names = CollectionNames(Book(), Store(listing(status=403)).fetch, needed=False, wanted=True)
    assert names.wants("1-2-3")

    await names.find(REQUEST, "1-2-3")

    assert names.knows("1-2-3")
    assert names.name("1-2-3") == "1-2-3"


async def test_searches_at_once_share_one_question_and_all_learn_its_answer():
    release = asyncio.Event()
    asked = []

    async def fetch(request):
        asked.append(request)
        await release.wait()
        return listing(**{"1-2-3": "docs"})

    names = CollectionNames(Book(), fetch)
    first, second = (asyncio.ensure_future(names.find(REQUEST, "1-2-3")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()  # the one that raised the question leaves
    release.set()
    await second

    assert names.name("1-2-3") == "docs"
    assert len(asked) == 1


async def test_an_unknown_name_is_asked_for_with_the_search_s_own_credentials():
    store = Store(listing(**{"1-2-3": "docs"}))
    names = CollectionNames(Book(), store.fetch)

    await names.find(REQUEST, "1-2-3")

    assert names.name("1-2-3") == "docs"
    assert store.asked[0].target == "/names"
    assert store.asked[0].headers["authorization"] == "mine"


@pytest.mark.parametrize(
    "answer", [listing(), listing(status=403), Unanswerable(UPSTREAM_UNREACHABLE, "refused")]
)
async def test_a_name_that_the_store_does_not_tell_is_not_asked_for_again_at_once(answer):
    store = Store(answer)
    names = CollectionNames(Book(), store.fetch)

    await names.find(REQUEST, "1-2-3")

    assert names.name("1-2-3") == "1-2-3"
    asked = len(store.asked)
    await names.find(REQUEST, "1-2-3")
    assert len(store.asked) == asked


async def test_a_silent_store_does_not_hold_the_search(monkeypatch):
    async def silence(request):
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "ASK_TIMEOUT", 0.01)
    names = CollectionNames(Book(), silence)

    await names.find(REQUEST, "1-2-3")

    assert not names.knows("1-2-3")
    await names.close()


async def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_NAMES", 3)
    names = CollectionNames(Book(), Store(listing()).fetch)

    names.learn(orjson.dumps({str(number): "x" for number in range(5)}))

    assert [names.name(str(number)) for number in range(5)] == ["0", "1", "x", "x", "x"]
