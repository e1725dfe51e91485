"""Lookups that hang, in the test's hands."""

from __future__ import annotations

import asyncio
import threading

import pytest
import uvloop

from proxy.cache.redis_client import RedisClient
from proxy.cache.redis_errors import RedisFailed
from proxy.cache.redis_names import RedisNames
from proxy.cache.redis_settings import RedisSettings


class HeldLookup:
    """Finds an address, once it may; keeps what it was asked."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.asked = []
        self.found = ["127.0.0.1"]

    def __call__(self, host):
        self.asked.append(host)
        self.may_answer.wait(60)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def held():
    held = HeldLookup()
    yield held
    held.may_answer.set()


async def give_up(waiting):
    """Wait for a moment, as whoever has little time."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await waiting


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1%eth0"])
async def test_an_address_needs_no_lookup(held, address):
    assert await RedisNames(held).addresses(address) == [address]
    assert held.asked == []


async def test_a_host_that_is_being_looked_up_is_not_looked_up_again(held):
    names = RedisNames(held)
    for _ in range(20):
        await give_up(names.addresses("slow"))
    staying = [asyncio.ensure_future(names.addresses("slow")) for _ in range(5)]
    await give_up(names.addresses("other"))
    held.may_answer.set()

    assert await asyncio.gather(*staying) == [["127.0.0.1"]] * 5
    assert held.asked == ["slow", "other"]


async def test_an_answer_that_nobody_has_waited_for_is_there_for_the_next(held):
    names = RedisNames(held)
    await give_up(names.addresses("slow"))
    lookup = names._asked["slow"]
    held.may_answer.set()
    await lookup
    held.may_answer.clear()

    assert await names.addresses("slow") == ["127.0.0.1"]
    assert held.asked == ["slow"]


async def test_what_is_forgotten_is_looked_up_again(held):
    names = RedisNames(held)
    held.may_answer.set()
    await names.addresses("here")
    names.forget("here")
    held.found = ["127.0.0.2"]

    assert await names.addresses("here") == ["127.0.0.2"]


@pytest.mark.parametrize("failure", [OSError(), UnicodeError()])
async def test_a_host_that_is_not_known_has_no_addresses_and_is_asked_for_again(held, failure):
    names = RedisNames(held)
    held.may_answer.set()
    held.found = failure
    assert await names.addresses("nowhere") == ()
    held.found = ["127.0.0.1"]

    assert await names.addresses("nowhere") == ["127.0.0.1"]


async def test_names_are_looked_up_where_the_system_does():
    assert set(await RedisNames().addresses("localhost")) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
async def test_neither_others_lookups_nor_the_end_of_a_process_wait_for_one_that_hangs(held, run):
    async def live():
        client = RedisClient(RedisSettings("redis://slow"), RedisNames(held))
        for _ in range(8):  # more than uvloop has threads
            await client.renew()
            with pytest.raises(RedisFailed, match="timeout"):
                await client.ask([("PING",)], 0.005)
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        await client.close()
        return found

    assert await asyncio.to_thread(run, live())
    assert held.asked == ["slow"]
    assert not held.may_answer.is_set()
