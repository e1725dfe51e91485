"""Texts that wait to be encoded: bounded, each once, one at a time, and a failure stops nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Encoding:
    """Writes down what it is to encode, and says when."""

    def __init__(self, *, failing: str = "") -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.at_once = 0
        self.most_at_once = 0
        self._failing = failing

    async def __call__(self, _: bytes, text: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.texts.put_nowait(text)
        if text == self._failing:
            raise Unscored(Reason.SCORER_ERROR)

    async def first(self, count: int) -> list[str]:
        return [await self.texts.get() for _ in range(count)]


@asynccontextmanager
async def working(warm_up: WarmUp) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(warm_up.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def add(warm_up: WarmUp, *texts: str) -> None:
    for text in texts:
        warm_up.add(text.encode(), text)


async def test_the_longest_waiting_goes_first_and_one_at_a_time():
    encoding = Encoding()
    warm_up = WarmUp(encoding)
    add(warm_up, "a", "b", "c")
    async with working(warm_up):
        assert await encoding.first(3) == ["a", "b", "c"]
        add(warm_up, "d")
        assert await encoding.first(1) == ["d"]
    assert encoding.most_at_once == 1
    assert len(warm_up) == 0


async def test_a_text_waits_once():
    warm_up = WarmUp(Encoding())
    add(warm_up, "a", "b", "a")
    assert len(warm_up) == 2


async def test_too_many_texts_push_out_the_longest_waiting_and_are_counted():
    encoding = Encoding()
    warm_up = WarmUp(encoding, limit=2)
    add(warm_up, "a", "b", "c")
    assert warm_up.dropped == 1
    async with working(warm_up):
        assert await encoding.first(2) == ["b", "c"]


async def test_a_text_that_fails_does_not_stop_the_others(caplog):
    encoding = Encoding(failing="b")
    warm_up = WarmUp(encoding)
    add(warm_up, "a", "b", "c")
    async with working(warm_up):
        assert await encoding.first(3) == ["a", "b", "c"]
    assert caplog.messages == ["text not encoded"]
