"""What policies share lives as long as one of them uses it."""

from __future__ import annotations

import asyncio

import pytest

from proxy.leases import Leases


class Part:
    def __init__(self, name="part", closed=None, fails=None):
        self.name = name
        self.closed = closed if closed is not None else []
        self.fails = fails

    async def close(self):
        self.closed.append(self.name)
        if self.fails is not None:
            raise self.fails


def never():
    raise AssertionError("made anew")


async def test_parts_of_an_equal_description_are_one():
    leases, part = Leases(), Part()
    first, second = leases.holding(), leases.holding()

    assert first.take("cache", ("a", 1), lambda: part) is part
    assert second.take("cache", ("a", 1), never) is part
    assert (first.made(part), second.made(part)) == (True, False)


async def test_the_kind_is_a_part_of_the_description():
    leases = Leases()
    holding = leases.holding()

    assert holding.take("cache", 1, lambda: Part("cache")).name == "cache"
    assert holding.take("model", 1, lambda: Part("model")).name == "model"
    assert len(leases) == 2


async def test_the_last_to_let_go_closes():
    leases, part = Leases(), Part()
    first, second = leases.holding(), leases.holding()
    for holding in (first, second):
        holding.take("cache", 1, lambda: part)
        holding.take("cache", 1, never)  # taken twice is held once

    await first.release("cache")
    assert part.closed == []
    await second.release("cache")
    await second.release("cache")

    assert part.closed == ["part"]
    assert len(leases) == 0


async def test_kinds_are_closed_in_the_order_that_is_asked_for():
    holding, closed = Leases().holding(), []
    for kind in ("storage", "model", "cache"):
        for number in (1, 2):
            holding.take(kind, number, lambda name=f"{kind} {number}": Part(name, closed))

    await holding.release("model", "cache", "storage")

    assert closed == ["model 1", "model 2", "cache 1", "cache 2", "storage 1", "storage 2"]


async def test_a_part_that_fails_to_close_keeps_no_other_open():
    leases, closed = Leases(), []
    holding = leases.holding()
    holding.take("a", 1, lambda: Part("a", closed, OSError()))
    holding.take("b", 1, lambda: Part("b", closed))

    with pytest.raises(OSError):
        await holding.release("a", "b")

    assert closed == ["a", "b"]
    assert len(leases) == 0


async def test_what_is_being_closed_is_not_shared_any_more():
    leases, closing, go_on = Leases(), asyncio.Event(), asyncio.Event()

    class Slow(Part):
        async def close(self):
            closing.set()
            await go_on.wait()

    old = leases.holding()
    slow = old.take("cache", 1, Slow)
    releasing = asyncio.ensure_future(old.release("cache"))
    await closing.wait()

    assert leases.holding().take("cache", 1, Slow) is not slow
    go_on.set()
    await releasing


async def test_what_is_of_no_use_is_made_anew():
    leases = Leases()
    broken = leases.holding().take("model", 1, lambda: Part("broken"))

    new = leases.holding().take("model", 1, lambda: Part("new"), usable=lambda part: part is not broken)

    assert new.name == "new"


async def test_loading_goes_on_when_who_began_it_lets_go():
    leases, loaded, go_on = Leases(), [], asyncio.Event()

    async def load():
        await go_on.wait()
        loaded.append(True)

    first, second = leases.holding(), leases.holding()
    part = first.take("model", 1, Part)
    loading = first.load(part, load(), "load")
    second.take("model", 1, never)

    await first.release("model")
    go_on.set()
    await loading

    assert loaded == [True]
    await second.release("model")


async def test_loading_ends_before_the_part_is_closed():
    told = []

    async def load():
        try:
            await asyncio.Event().wait()
        finally:
            told.append("loading ended")

    holding = Leases().holding()
    part = holding.take("model", 1, lambda: Part("closed", told))
    loading = holding.load(part, load(), "load")
    await asyncio.sleep(0)
    await holding.release("model")

    assert loading.cancelled()
    assert told == ["loading ended", "closed"]
