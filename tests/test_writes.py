"""Passing writes become texts that scorers know early; whatever is wrong with one is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import repeat

import orjson
import pytest

from proxy.model import WireRequest, WireResponse
from proxy.names import CollectionNames
from proxy.writes import Writes
from tests.fakes.toy_codec import NO_HEADERS, ToyCodec


@dataclass
class Pupil:
    """Learns everything it is told, up to so many texts."""

    limit: int = 1000
    learnt: list[str] = field(default_factory=list)

    @property
    def eager(self) -> bool:
        return len(self.learnt) < self.limit

    def learn(self, texts) -> None:
        self.learnt += texts


class Book:
    """Names that are told to those who ask."""

    def teaches(self, method, target):
        return False

    def decode_names(self, body):
        return orjson.loads(body)

    def names_request(self, request):
        return WireRequest("GET", "/names", request.headers, b"")


def names(told=None) -> CollectionNames:
    """Collections that are called by their names, or by ids that a store tells the names of."""

    async def fetch(request):
        return WireResponse(200, NO_HEADERS, orjson.dumps(told))

    return CollectionNames(None if told is None else Book(), fetch)


def write(*texts: str, collection: str = "toys") -> WireRequest:
    return WireRequest("PUT", f"/{collection}/rows", NO_HEADERS, orjson.dumps(texts))


async def all_read(writes: Writes) -> None:
    while len(writes._tasks):  # noqa: ASYNC110 (nobody waits for them but tests)
        await asyncio.sleep(0)


def counted(known, learners) -> Writes:
    """Make one that keeps count of what became of its writes."""
    fates: Counter[str] = Counter()
    writes = Writes(ToyCodec(), known, learners, lambda fate: fates.update([fate]))
    writes.fates = fates
    return writes


async def test_the_texts_of_a_write_are_learnt():
    pupil = Pupil()
    writes = counted(names(), lambda _: [pupil])
    assert writes.wanted("PUT", "/toys/rows")
    texts = [f"text {number}" for number in range(100)]
    writes.add(write(*texts))
    await all_read(writes)
    assert pupil.learnt == texts
    assert writes.fates == {"read": 1}


async def test_other_requests_are_not_wanted():
    writes = counted(names(), lambda _: [Pupil()])
    assert not writes.wanted("POST", "/toys/rows")
    assert not writes.wanted("PUT", "/toys")


async def test_nothing_is_wanted_for_those_who_learn_no_more():
    writes = counted(names(), lambda collection: [Pupil(0)] if collection == "toys" else [])
    assert not writes.wanted("PUT", "/toys/rows")
    assert not writes.wanted("PUT", "/others/rows")


async def test_a_write_is_read_no_farther_than_somebody_learns():
    pupil = Pupil(limit=20)
    writes = counted(names(), lambda _: [pupil])
    writes.add(write(*map(str, range(1000))))
    await all_read(writes)
    assert 20 <= len(pupil.learnt) < 100
    assert writes.fates == {"cut": 1}


async def test_the_store_is_asked_for_a_name_that_is_not_known():
    asked = []
    writes = counted(names({"17": "toys"}), lambda name: asked.append(name) or [pupil])
    pupil = Pupil()
    assert writes.wanted("PUT", "/17/rows")
    writes.add(write("a", collection="17"))
    while not pupil.learnt:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert set(asked) == {"toys"}
    await writes.close()


async def test_a_write_to_a_collection_without_a_name_is_dropped():
    pupil = Pupil()
    writes = counted(names({}), lambda _: [pupil])
    writes.add(write("a", collection="17"))
    await all_read(writes)
    assert pupil.learnt == []
    assert writes.fates == {"dropped": 1}
    await writes.close()


@pytest.mark.parametrize("body", [b"", b"not JSON"])
async def test_a_write_that_is_not_understood_is_counted(body):
    writes = counted(names(), lambda _: [Pupil()])
    writes.add(write("a")._replace(body=body))
    await all_read(writes)
    assert writes.fates == {"undecodable": 1}


async def test_of_many_writes_at_once_some_are_dropped_and_counted():
    pupil = Pupil()
    writes = counted(names(), lambda _: [pupil])
    for number in range(10):
        writes.add(write(str(number)))
    await all_read(writes)
    assert len(pupil.learnt) == 4
    assert writes.fates == {"read": 4, "dropped": 6}


async def test_live_work_goes_on_while_a_write_is_read():
    pupil = Pupil()
    writes = counted(names(), lambda _: [pupil])
    writes.add(write(*map(str, range(1000))))
    learnt = []
    while len(writes._tasks):
        learnt.append(len(pupil.learnt))
        await asyncio.sleep(0)
    assert len(set(learnt)) > 10


async def test_live_work_goes_on_while_nothing_is_found_in_a_write():
    class Endless(ToyCodec):
        def decode_write(self, request):
            return repeat(None)

    writes = Writes(Endless(), names(), lambda _: [Pupil()], lambda _: None)
    writes.add(write())
    for _ in range(3):
        await asyncio.sleep(0)
    await writes.close()


async def test_closing_forgets_what_is_being_read():
    pupil = Pupil()
    writes = counted(names(), lambda _: [pupil])
    writes.add(write(*map(str, range(1000))))
    await asyncio.sleep(0)
    await writes.close()
    assert len(pupil.learnt) < 1000
