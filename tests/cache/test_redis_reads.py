"""What callers of reads can count on, with a server in the test's hands."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from proxy.cache.breaker import Breaker
from proxy.cache.redis_errors import RedisFailed
from proxy.cache.redis_link import RedisLink
from proxy.cache.redis_reads import RedisReads
from proxy.cache.redis_settings import RedisSettings
from tests.cache.opened import until


class HeldServer:
    """Answers every key with itself, once it may; keeps what it was asked."""

    def __init__(self):
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = []
        self.failure = None
        self.reply = None

    async def ask(self, commands, timeout):  # noqa: ASYNC109 (as the real one)
        self.asked.append(commands)
        await self.may_answer.wait()
        if self.failure is not None:
            raise RedisFailed(self.failure)
        return [list(keys) if self.reply is None else self.reply for _, *keys in commands]


@pytest.fixture
async def held():
    return HeldServer()


def link_to(server, timeout=20.0):
    breaker = Breaker(clock=asyncio.get_running_loop().time)
    breaker.close()
    return RedisLink(RedisSettings("", timeout=timeout), server, breaker, Counter())


@pytest.fixture
async def link(held):
    return link_to(held)


@pytest.fixture
async def reads(link):
    reads = RedisReads(link)
    yield reads
    await reads.close()


def keys(name, count=3):
    return [b"%b %d" % (name.encode(), n) for n in range(count)]


async def test_each_caller_gets_what_it_asked_for(reads):
    asked = [keys(f"caller {n}", n % 7 + 1) for n in range(300)]

    assert await asyncio.gather(*(reads.get(one) for one in asked)) == asked


async def test_what_is_asked_for_in_one_turn_travels_together(reads, held):
    await asyncio.gather(*(reads.get(keys(f"caller {n}")) for n in range(50)))

    assert [len(commands) for commands in held.asked] == [50]


async def test_what_is_asked_for_in_the_meantime_waits_for_few_exchanges(reads, held):
    held.may_answer.clear()
    async with asyncio.TaskGroup() as callers:
        for n in range(40):
            callers.create_task(reads.get(keys(f"caller {n}")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert len(held.asked) == 4
        held.may_answer.set()

    assert len(held.asked) == 5


async def test_a_read_of_many_keys_is_not_refused_by_itself(reads):
    assert await reads.get(keys("caller", 5000)) == keys("caller", 5000)


async def test_who_comes_when_too_many_wait_is_told_at_once(reads, held, link):
    held.may_answer.clear()
    many = [asyncio.ensure_future(reads.get(keys("caller", 1000))) for _ in range(6)]
    await until(lambda: len(held.asked) == 4)

    assert reads.admits(48)
    assert not reads.admits(49)
    assert link.errors == {"full": 1}
    held.may_answer.set()
    assert await asyncio.gather(*many) == [keys("caller", 1000)] * 6
    assert reads.admits(2000)


async def test_a_caller_that_goes_away_disturbs_nobody(reads, held):
    held.may_answer.clear()
    going = [asyncio.ensure_future(reads.get(keys(f"going {n}"))) for n in range(5)]
    staying = [asyncio.ensure_future(reads.get(keys(f"staying {n}"))) for n in range(5)]
    await until(lambda: held.asked)
    for one in going:
        one.cancel()
    held.may_answer.set()

    assert await asyncio.gather(*staying) == [keys(f"staying {n}") for n in range(5)]
    assert all(one.cancelled() for one in await asyncio.wait(going) and going)


async def test_nobody_asks_for_who_has_gone_before_its_turn(reads, held):
    held.may_answer.clear()
    first = []
    for n in range(4):
        first.append(asyncio.ensure_future(reads.get(keys(f"first {n}"))))
        await until(lambda: len(held.asked) == len(first))
    going = asyncio.ensure_future(reads.get(keys("going")))
    staying = asyncio.ensure_future(reads.get(keys("staying")))
    await asyncio.sleep(0)
    going.cancel()
    held.may_answer.set()
    await staying

    assert held.asked[4:] == [[("MGET", *keys("staying"))]]


async def test_who_is_out_of_time_goes_without(held):
    link = link_to(held, timeout=0.001)
    reads = RedisReads(link)
    held.may_answer.clear()

    assert await reads.get(keys("late")) is None
    assert link.errors == {"timeout": 1}
    await reads.close()


async def test_a_server_that_does_not_answer_is_soon_waited_for_by_nobody(held):
    link = link_to(held, timeout=0.001)
    reads = RedisReads(link)
    held.may_answer.clear()
    while reads.admits(3):
        assert await reads.get(keys("late")) is None

    assert link.breaker.is_open
    await reads.close()


async def test_a_busy_event_loop_is_not_held_against_the_server(held):
    """The answer is here by the time that the loop has time to look at the clock."""
    link = link_to(held, timeout=0.005)
    reads = RedisReads(link)
    held.may_answer.clear()
    loop = asyncio.get_running_loop()
    reading = asyncio.ensure_future(reads.get(keys("caller")))
    await until(lambda: held.asked)
    loop.call_soon(held.may_answer.set)
    until_then = loop.time() + 0.02
    while loop.time() < until_then:
        pass

    assert await reading == keys("caller")
    assert link.errors == {}
    await reads.close()


@pytest.mark.parametrize("failure", ["connection", "denied", "garbage", "other"])
async def test_a_failure_is_no_answer_for_all_who_wait_and_counts_for_each(reads, held, link, failure):
    held.failure = failure

    assert await asyncio.gather(*(reads.get(keys("caller")) for _ in range(3))) == [None] * 3
    assert link.errors == {failure: 3}
    assert link.breaker.is_open


async def test_an_error_that_is_not_the_servers_is_not_held_against_it(reads, held, link):
    """As for a slot of a cluster that is on its way to another node."""
    held.reply = RedisFailed("other")
    for _ in range(20):
        assert await reads.get(keys("caller")) is None

    assert link.errors == {"other": 20}
    assert not link.breaker.is_open


@pytest.mark.parametrize("reply", [None, b"text", 7, [], [b"too", b"few"], RedisFailed("other")])
async def test_a_reply_of_another_shape_is_no_answer(reads, held, link, reply):
    held.reply = reply or 0

    assert await reads.get(keys("caller")) is None
    assert link.errors.total() == 1


async def test_a_lost_answer_opens_the_breaker_at_once_and_lets_all_go_who_wait(reads, held, link):
    held.may_answer.clear()
    held.failure = "timeout"
    callers = [asyncio.ensure_future(reads.get(keys("caller", 600))) for _ in range(6)]
    await until(lambda: len(held.asked) == 4)
    held.may_answer.set()

    assert await asyncio.gather(*callers) == [None] * 6
    assert link.breaker.is_open
    assert len(held.asked) == 4


async def test_closing_lets_all_go_who_wait(reads, held, link):
    held.may_answer.clear()
    callers = [asyncio.ensure_future(reads.get(keys("caller", 600))) for _ in range(6)]
    await until(lambda: len(held.asked) == 4)
    link.breaker.trip()
    await reads.close()

    assert await asyncio.gather(*callers) == [None] * 6
