"""What a client says when it has nothing to say."""

from __future__ import annotations

import pytest

from proxy.cache.redis_client import RedisClient
from proxy.cache.redis_errors import KINDS, RedisFailed
from proxy.cache.redis_settings import RedisSettings

pytestmark = pytest.mark.store


@pytest.fixture
async def client(shared_server):
    client = RedisClient(RedisSettings(shared_server.url))
    await client.renew()
    yield client
    await client.close()


async def test_every_command_has_its_own_reply(client):
    replies = await client.ask([("SET", "number", "x"), ("GET", "number"), ("INCR", "number"), ("PING",)], 5)

    assert [replies[1], replies[3]] == [b"x", True]
    assert isinstance(replies[2], RedisFailed)
    assert replies[2].kind == "other"


async def test_who_has_waited_long_enough_gets_no_answer_and_the_next_one_his_own(client):
    for _ in range(20):
        with pytest.raises(RedisFailed, match="timeout"):
            await client.ask([("GET", "anything")], 0)
        assert await client.ask([("ECHO", b"mine")], 5) == [b"mine"]


async def test_a_client_that_was_closed_has_no_connection(shared_server):
    client = RedisClient(RedisSettings(shared_server.url))
    with pytest.raises(RedisFailed, match="connection"):
        await client.ask([("PING",)], 5)
    await client.close()
    await client.renew()
    assert await client.ask([("PING",)], 5) == [True]
    await client.close()
    with pytest.raises(RedisFailed, match="connection"):
        await client.ask([("PING",)], 5)


def test_kinds_are_few_words():
    assert KINDS == ("timeout", "connection", "denied", "full", "garbage", "other")
