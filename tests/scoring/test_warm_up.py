"""Texts that wait to be encoded: bounded, each once, one at a time, and a failure stops nothing."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Encoding:
    """Writes down what it is to encode, and says when. It has nothing to do for what is `known`."""

    def __init__(self, *, failing: str = "", known: str = "") -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.at_once = 0
        self.most_at_once = 0
        self._failing = failing
        self._known = known

    async def __call__(self, _: bytes, text: str) -> bool:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.texts.put_nowait(text)
        if text == self._failing:
            raise Unscored(Reason.SCORER_ERROR)
        return text != self._known

    async def first(self, count: int) -> list[str]:
        return [await self.texts.get() for _ in range(count)]


@asynccontextmanager
async def working(warm_up: WarmUp) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(warm_up.run())
    yield
    while warm_up.added > counted(warm_up):  # noqa: ASYNC110 (it is done when it is done, nobody is told)
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def counted(warm_up: WarmUp) -> int:
    return warm_up.encoded + warm_up.skipped + warm_up.failed + warm_up.dropped


def miss(warm_up: WarmUp, *texts: str) -> None:
    for text in texts:
        warm_up.add_missed(text.encode(), text)


def write(warm_up: WarmUp, *texts: str) -> None:
    for text in texts:
        warm_up.add_written(text.encode(), text)


async def test_the_longest_waiting_goes_first_and_one_at_a_time():
    encoding = Encoding()
    warm_up = WarmUp(encoding)
    miss(warm_up, "a", "b", "c")
    async with working(warm_up):
        assert await encoding.first(3) == ["a", "b", "c"]
        miss(warm_up, "d")
        assert await encoding.first(1) == ["d"]
    assert encoding.most_at_once == 1
    assert len(warm_up) == 0
    assert warm_up.encoded == 4


async def test_what_a_search_missed_goes_before_what_was_written():
    encoding = Encoding()
    warm_up = WarmUp(encoding)
    write(warm_up, "a", "b", "c")
    miss(warm_up, "d", "b")
    async with working(warm_up):
        assert await encoding.first(4) == ["d", "b", "a", "c"]


async def test_a_text_waits_once():
    warm_up = WarmUp(Encoding())
    miss(warm_up, "a", "b", "a")
    write(warm_up, "c", "a", "c")
    assert len(warm_up) == 3


async def test_too_many_missed_texts_push_out_the_longest_waiting_and_are_counted():
    encoding = Encoding()
    warm_up = WarmUp(encoding, max_texts=2)
    miss(warm_up, "a", "b", "c")
    assert warm_up.dropped == 1
    async with working(warm_up):
        assert await encoding.first(2) == ["b", "c"]


async def test_too_many_written_texts_are_dropped_themselves_and_counted():
    encoding = Encoding()
    warm_up = WarmUp(encoding, max_texts=2)
    assert not warm_up.full
    write(warm_up, "a", "b", "c")
    assert warm_up.full
    assert warm_up.dropped == 1
    async with working(warm_up):
        assert await encoding.first(2) == ["a", "b"]


async def test_texts_known_by_their_turn_are_skipped_and_counted():
    encoding = Encoding(known="b")
    warm_up = WarmUp(encoding)
    write(warm_up, "a", "b", "c")
    async with working(warm_up):
        assert await encoding.first(3) == ["a", "b", "c"]
    assert (warm_up.encoded, warm_up.skipped) == (2, 1)


async def test_a_text_that_fails_is_tried_once_more_and_does_not_stop_the_others(caplog):
    encoding = Encoding(failing="b")
    warm_up = WarmUp(encoding, pauses=(0, 0))
    miss(warm_up, "a", "b", "c")
    async with working(warm_up):
        assert await encoding.first(4) == ["a", "b", "b", "c"]
    assert caplog.messages == ["text not encoded"] * 2
    assert (warm_up.encoded, warm_up.failed) == (2, 1)


async def test_whatever_is_raised_the_other_texts_are_encoded(caplog):
    encoded = []

    async def encode(_: bytes, text: str) -> bool:
        if text == "a":
            raise ZeroDivisionError
        encoded.append(text)
        return True

    warm_up = WarmUp(encode, pauses=(0, 0))
    miss(warm_up, "a", "b")
    async with working(warm_up):
        pass
    assert encoded == ["b"]
    assert {record.reason for record in caplog.records} == {"ZeroDivisionError"}


async def test_a_model_that_comes_back_finds_the_text_that_failed(caplog):
    failures = iter([True])

    async def encode(_: bytes, text: str) -> bool:
        if next(failures, False):
            raise Unscored(Reason.SCORER_ERROR)
        return True

    warm_up = WarmUp(encode, pauses=(0, 0))
    write(warm_up, "a", "b")
    async with working(warm_up):
        pass
    assert (warm_up.encoded, warm_up.failed) == (2, 0)
    assert len(caplog.messages) == 1


async def test_pauses_grow_while_a_model_fails_and_end_when_it_is_back(caplog):
    failing = [True]

    async def encode(_: bytes, text: str) -> bool:
        failing[0] = text != "last"
        if failing[0]:
            raise Unscored(Reason.SCORER_ERROR)
        return True

    warm_up = WarmUp(encode, pauses=(0.0001, 0.0005))
    miss(warm_up, "a", "b", "last", "c")
    async with working(warm_up):
        pass
    pauses = [record.pause for record in caplog.records]
    assert pauses == [0.0001, 0.0002, 0.0004, 0.0005, 0.0001, 0.0002]


@given(
    st.integers(1, 5),
    st.integers(0, 2000),
    st.lists(st.tuples(st.booleans(), st.text(max_size=300)), max_size=30),
)
async def test_no_more_waits_than_is_allowed_and_nothing_is_lost_uncounted(max_texts, max_bytes, steps):
    warm_up = WarmUp(Encoding(), max_texts=max_texts, max_bytes=max_bytes)
    for missed, text in steps:
        (warm_up.add_missed if missed else warm_up.add_written)(text.encode(), text)
    assert len(warm_up) <= 2 * max_texts
    assert warm_up.added >= len(warm_up) + warm_up.dropped
    waiting = [*warm_up._missed._texts.values(), *warm_up._written._texts.values()]
    largest = max((sys.getsizeof(text) for _, text in steps), default=0)
    assert sum(map(sys.getsizeof, waiting)) <= 2 * max_bytes + largest
