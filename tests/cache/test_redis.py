"""The cache in Redis, and all that can go wrong with a server: each time a miss that is counted, and no more.

None of this measures time; where a test waits for a server that does nothing, it counts who had to wait.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess

import pytest
from redis import Redis

from proxy.cache.base import SHARED
from proxy.cache.redis import RedisCache
from proxy.cache.redis_settings import RedisSettings
from tests.cache.opened import errors, pairs, redis_cache, until, until_found, until_gone
from tests.fakes.redis_server import (
    make_certificates,
    redis_cluster,
    redis_sentinel,
    redis_server,
)

pytestmark = pytest.mark.store


async def works(cache):
    """Put something and find it; what is put during an outage is lost, so more than once if need be."""
    items = pairs(20) | pairs(20) | pairs(20)
    values = [None]
    async with asyncio.timeout(20):
        while None in values:
            cache.put_many(items, 60)
            await asyncio.sleep(0.005)
            values = await cache.get_many(list(items))
    return values == list(items.values())


# --- where it is --------------------------------------------------------------------------------------------


async def test_replicas_share_what_they_keep(shared_server):
    items = pairs(5)
    async with (
        redis_cache(shared_server.url, prefix="share") as one,
        redis_cache(shared_server.url, prefix="share") as other,
    ):
        one.put_many(items, 60)
        assert await until_found(other, list(items)) == list(items.values())


async def test_another_prefix_is_another_cache(shared_server):
    items = pairs(5)
    async with (
        redis_cache(shared_server.url, prefix="one") as one,
        redis_cache(shared_server.url, prefix="other") as other,
    ):
        one.put_many(items, 60)
        await until_found(one, list(items))
        assert await other.get_many(list(items)) == [None] * 5


async def test_a_user_and_a_password_are_shown(tmp_path):
    with redis_server(tmp_path, "--requirepass", "default secret") as server:
        async with redis_cache(server.url, password="default secret") as cache:
            assert await works(cache)
        url = server.url.replace("//", "//:default%20secret@")
        async with redis_cache(url) as cache:
            assert await works(cache)


async def test_a_user_needs_no_more_than_its_own_keys_and_a_few_commands(server):
    commands = "+mget +getrange +set +xadd +xrange +xrevrange +xtrim +pttl +expire +unlink"
    server.tell("ACL", "SETUSER", "midrank", "on", ">secret", "~midrank:*", *commands.split())
    heard = []
    async with (
        redis_cache(server.url, username="midrank", password="secret", hear=heard.append) as cache,
        redis_cache(server.url, username="midrank", password="secret") as other,
    ):
        assert await works(cache)
        other.feed.publish(b"hello")
        await until(lambda: heard)
        await cache.clear()
        await until(lambda: not server.tell("KEYS", "*:near"))
        assert errors(cache) == {}


async def test_tls_shows_a_certificate_and_wants_one(tmp_path):
    files = make_certificates(tmp_path)
    with redis_server(tmp_path, tls=files) as server:
        ours = {"ca_file": files.authority, "cert_file": files.certificate, "key_file": files.key}
        async with redis_cache(server.url, **ours) as cache:
            assert await works(cache)


async def test_tls_shows_no_certificate_if_there_is_none_to_show(tmp_path):
    files = make_certificates(tmp_path)
    with redis_server(tmp_path, tls=files) as server:
        server.tell("CONFIG", "SET", "tls-auth-clients", "no")
        async with redis_cache(server.url, ca_file=files.authority) as cache:
            assert await works(cache)


async def test_tls_is_also_for_clusters_and_sentinels(tmp_path):
    files = make_certificates(tmp_path)
    ours = {"ca_file": files.authority, "cert_file": files.certificate, "key_file": files.key}
    with redis_sentinel(tmp_path, files) as watched, redis_cluster(tmp_path, 1, tls=files) as (node,):
        for url in (watched.url, node.url.replace("rediss:", "rediss+cluster:")):
            async with redis_cache(url, **ours) as cache:
                assert await works(cache)


async def test_tls_verifies_the_name_in_the_url_and_not_the_address_behind_it(tmp_path):
    files = make_certificates(tmp_path, names="DNS:localhost")
    with redis_server(tmp_path, tls=files) as server:
        ours = {"ca_file": files.authority, "cert_file": files.certificate, "key_file": files.key}
        async with redis_cache(server.url.replace("127.0.0.1", "localhost"), **ours) as cache:
            assert await works(cache)


async def test_a_key_with_a_password_is_an_error_and_no_question_at_the_terminal(tmp_path, shared_server):
    files = make_certificates(tmp_path)
    encrypted = ["openssl", "ec", "-in", files.key, "-aes128", "-passout", "pass:secret"]
    await asyncio.to_thread(
        subprocess.run, [*encrypted, "-out", tmp_path / "encrypted.key"], check=True, capture_output=True
    )
    url = shared_server.url.replace("redis:", "rediss:")
    cache = RedisCache(RedisSettings(url, cert_file=files.certificate, key_file=tmp_path / "encrypted.key"))
    await cache.start()
    await until(lambda: "denied" in errors(cache))
    await cache.close()


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_server_that_can_not_be_trusted_is_not_used(tmp_path, trusted):
    """An authority that is not ours; one that is ours, and a name that the server is not certified for."""
    files = make_certificates(tmp_path)
    with redis_server(tmp_path, tls=files) as server:
        url = server.url.replace("127.0.0.1", "localhost") if trusted else server.url
        cache = RedisCache(
            RedisSettings(
                url,
                ca_file=files.authority if trusted else None,
                cert_file=files.certificate,
                key_file=files.key,
            )
        )
        await cache.start()
        await until(lambda: errors(cache))
        assert not cache.figures()["up"]
        await cache.close()


async def test_files_that_are_not_there_are_an_error_that_is_counted(tmp_path, shared_server):
    cache = RedisCache(RedisSettings(shared_server.url.replace("redis:", "rediss:"), ca_file=tmp_path / "no"))
    await cache.start()
    await until(lambda: "denied" in errors(cache))
    await cache.close()


async def test_a_socket_of_the_machine_will_do(tmp_path):
    with redis_server(tmp_path, "--unixsocket", str(tmp_path / "sock")):
        async with redis_cache(f"unix://{tmp_path}/sock") as cache:
            assert await works(cache)


async def test_servers_and_sentinels_have_names(tmp_path, shared_server):
    with redis_sentinel(tmp_path) as watched:
        for url in (shared_server.url, watched.url):
            async with redis_cache(url.replace("127.0.0.1", "localhost"), prefix="names") as cache:
                assert await works(cache)


async def test_a_cluster_keeps_each_query_on_one_of_its_nodes(tmp_path):
    with redis_cluster(tmp_path) as nodes:
        url = nodes[0].url.replace("redis:", "redis+cluster:")
        heard = []
        async with redis_cache(url) as cache, redis_cache(url, hear=heard.append) as other:
            items = {}
            for _ in range(20):
                items |= pairs(5)
            cache.put_many(items, 60)
            assert await until_found(other, list(items)) == list(items.values())
            assert all(len(node.tell("KEYS", "*{*")) > 0 for node in nodes)
            cache.feed.publish(b"hello")
            await until(lambda: heard)
            # A node goes and comes back, empty: what it had is missed, the rest is found.
            nodes[1].kill()
            answers = [await cache.get_many([key]) for key in items]
            assert len(answers) == len(items)
            assert "connection" in errors(cache)
            await cache.clear()


async def test_a_slot_on_its_way_to_another_node_costs_what_is_in_it_and_no_more(tmp_path):
    with redis_cluster(tmp_path) as nodes:
        async with redis_cache(nodes[0].url.replace("redis:", "redis+cluster:")) as cache:
            # Two queries of different slots; that of the generation would be a third one.
            moving, other = pairs(2, b"\0" * SHARED), pairs(2, b"\1" * SHARED)
            cache.put_many(moving | other, 60)
            await until_found(cache, list(moving | other))
            names = list(cache._names(cache._generation.token, moving))
            slot = nodes[0].tell("CLUSTER", "KEYSLOT", names[0])
            source, target = nodes if slot < 8192 else nodes[::-1]
            ids = {node: node.tell("CLUSTER", "MYID").decode() for node in nodes}
            target.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
            source.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])

            # Nothing has moved: what is there is found; what is not is known only to the other node.
            assert await cache.get_many(list(moving)) == list(moving.values())
            assert await cache.get_many(list(pairs(2, b"\0" * SHARED))) == [None, None]
            # Half of it has moved.
            source.tell("MIGRATE", "127.0.0.1", target.port, names[0], 0, 1000)
            for _ in range(10):
                assert await cache.get_many(list(moving)) == [None, None]
                assert await cache.get_many(list(other)) == list(other.values())
            assert cache.figures()["up"]
            assert errors(cache) == {"other": 11}
            # All of it: it is looked for in the old place once, and then found.
            source.tell("MIGRATE", "127.0.0.1", target.port, names[1], 0, 1000)
            for node in (target, source):
                node.tell("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
            assert await cache.get_many(list(moving)) == [None, None]
            assert await cache.get_many(list(moving)) == list(moving.values())
            assert cache._link.breaker.openings == 0


async def test_when_the_master_is_gone_the_next_one_is_used(tmp_path):
    with redis_sentinel(tmp_path) as watched:
        items = pairs(5)
        async with redis_cache(watched.url) as cache:
            cache.put_many(items, 60)
            await until_found(cache, list(items))
            await until(lambda: watched.replica.tell("DBSIZE") == watched.master.tell("DBSIZE"))
            await asyncio.to_thread(watched.master.kill)
            assert await cache.get_many(list(items)) == [None] * 5

            # What had reached the replica is there; it also takes what is new.
            assert await until_found(cache, list(items)) == list(items.values())
            assert await works(cache)
            assert "connection" in errors(cache)


async def test_a_server_that_takes_no_more_writes_is_turned_away_from(server):
    """As after a failover that the connection has outlived."""
    async with redis_cache(server.url) as cache:
        server.tell("REPLICAOF", "127.0.0.1", "1")
        await until(lambda: not cache.figures()["up"])
        server.tell("REPLICAOF", "NO", "ONE")
        assert await works(cache)


# --- what can happen to it ----------------------------------------------------------------------------------


async def test_starting_and_closing_wait_for_nobody():
    cache = RedisCache(RedisSettings("redis://127.0.0.1:1"))
    await cache.start()
    cache.put_many(pairs(3), 60)
    cache.feed.publish(b"nobody hears")

    assert await cache.get_many(list(pairs(3))) == [None] * 3
    await until(lambda: "connection" in errors(cache))
    assert cache.figures()["dropped"] == 4
    await cache.clear()
    await cache.close()


async def test_a_host_that_has_no_address_is_an_error_that_is_counted():
    cache = RedisCache(RedisSettings("redis://nowhere.invalid"))
    await cache.start()
    await until(lambda: errors(cache))

    assert errors(cache).keys() <= {"connection", "timeout"}
    assert not cache.figures()["up"]
    await cache.close()


async def test_a_server_that_comes_later_is_found(server):
    server.kill()
    cache = RedisCache(RedisSettings(server.url, timeout=1, sync_seconds=0.02))
    await cache.start()
    await until(lambda: "connection" in errors(cache))
    await asyncio.to_thread(server.start)

    await until(lambda: cache.figures()["up"])
    assert await works(cache)
    await cache.close()


async def test_a_server_that_is_killed_is_a_miss_until_it_is_back(server):
    items = pairs(5)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        server.kill()
        answers = [await cache.get_many(list(items)) for _ in range(100)]
        assert answers == [[None] * 5] * 100
        assert errors(cache).keys() == {"connection"}
        assert errors(cache)["connection"] < 10
        await asyncio.to_thread(server.start)

        assert await works(cache)


async def test_nobody_waits_for_a_server_that_is_paused_but_the_first(server):
    items = pairs(5)
    async with redis_cache(server.url, timeout=0.05) as cache:
        assert await works(cache)
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        server.pause()
        answers = [await cache.get_many(list(items)) for _ in range(200)]
        waited = errors(cache)["timeout"]
        server.go_on()

        assert answers == [[None] * 5] * 200
        assert waited <= 4
        assert await until_found(cache, list(items)) == list(items.values())


async def test_closing_does_not_wait_for_a_server_that_is_paused(server):
    async with redis_cache(server.url, max_waiting_bytes=2**26) as cache:
        server.pause()
        # More than the system takes off our hands.
        cache.put_many({os.urandom(32): bytes(2**20) for _ in range(20)}, 60)
        reading = asyncio.ensure_future(cache.get_many(list(pairs(3))))
        await until(lambda: cache.figures()["waiting_bytes"] == 0)
        await cache.close()
        assert await reading == [None] * 3
    server.go_on()


async def test_a_server_that_was_emptied_has_nothing_and_takes_more(server):
    items = pairs(5)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        server.tell("FLUSHALL")

        assert await cache.get_many(list(items)) == [None] * 5
        assert await works(cache)
        assert errors(cache) == {}


async def test_a_server_that_is_full_takes_nothing_and_still_answers(server):
    items = pairs(5)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        server.tell("CONFIG", "SET", "maxmemory", "1")
        cache.put_many(pairs(5), 60)
        await until(lambda: errors(cache) == {"full": 5})

        assert cache.figures()["dropped"] == 5
        assert await cache.get_many(list(items)) == list(items.values())
        assert cache.figures()["up"]


async def test_a_server_that_does_not_know_us_any_more_is_left_alone(server):
    async with redis_cache(server.url) as cache:
        assert await works(cache)
        server.tell("CONFIG", "SET", "requirepass", "secret")
        await asyncio.to_thread(drop_clients, server)
        # The connections that were dropped may be seen first, and be reason enough for a while.
        await until(lambda: "denied" in errors(cache) and not cache.figures()["up"])


def drop_clients(server):
    with Redis("127.0.0.1", server.port, password="secret") as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")


async def test_a_connection_that_is_cut_is_made_again(server):
    items = pairs(5)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        for _ in range(5):
            server.tell("CLIENT", "KILL", "TYPE", "normal")
            assert await until_found(cache, list(items)) == list(items.values())


# --- what must never happen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign", [b"", b"0.75", bytes(13), b"\x01" + bytes(12), b"x" * 1000])
async def test_a_value_that_is_not_ours_is_a_miss_and_garbage(server, foreign):
    items = pairs(3)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        for name in server.tell("KEYS", "*{*"):
            server.tell("SET", name, foreign)

        assert await cache.get_many(list(items)) == [None] * 3
        assert errors(cache) == {"garbage": 3}
        assert cache.figures()["up"]


async def test_a_value_of_ours_under_another_key_is_a_miss(server):
    items = pairs(2)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        one, other = server.tell("KEYS", "*{*")
        server.tell("RENAME", one, other)

        assert await cache.get_many(list(items)) == [None, None]


async def test_a_key_of_another_type_is_a_miss(server):
    items = pairs(2)
    async with redis_cache(server.url) as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        for name in server.tell("KEYS", "*{*"):
            server.tell("DEL", name)
            server.tell("LPUSH", name, "one")

        assert await cache.get_many(list(items)) == [None, None]


async def test_another_secret_finds_nothing(shared_server):
    items = pairs(3)
    async with (
        redis_cache(shared_server.url, b"one", prefix="secret") as one,
        redis_cache(shared_server.url, b"other", prefix="secret") as other,
    ):
        one.put_many(items, 60)
        await until_found(one, list(items))

        assert await other.get_many(list(items)) == [None] * 3
        assert errors(other) == {"garbage": 3}


async def test_thousands_of_cancelled_reads_change_no_answer(shared_server):
    """Who is cancelled while his answer is on its way must not leave it to the next one."""
    queries = [list(pairs(10).items()) for _ in range(50)]
    chance = random.Random(7)
    async with redis_cache(shared_server.url, prefix="cancel") as cache:
        for items in queries:
            cache.put_many(dict(items), 600)
        for items in queries:
            await until_found(cache, [key for key, _ in items])
        wrong, right, cancelled = [], 0, 0

        async def read(items):
            nonlocal right
            values = await cache.get_many([key for key, _ in items])
            if values == [value for _, value in items]:
                right += 1
            elif values != [None] * len(items):
                wrong.append(values)

        for _ in range(60):
            tasks = [asyncio.ensure_future(read(chance.choice(queries))) for _ in range(60)]
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            for task in tasks:
                if chance.random() < 0.6:
                    cancelled += task.cancel()
            await asyncio.wait(tasks)

        assert wrong == []
        assert cancelled > 1000
        assert right > 1000
        assert errors(cache) == {}


async def test_what_stands_in_redis_shows_neither_key_nor_value_to_who_reads_it(shared_server):
    """But for the digest that the key is: no tenant, query or text stands there."""
    async with redis_cache(shared_server.url, prefix="shape") as cache:
        await works(cache)
        names = shared_server.tell("KEYS", "shape:*{*")

    assert len(names) == 60
    assert {len(name) for name in names} == {len("shape::{}") + 16 + 24 + 24}


async def test_a_queue_that_is_full_drops_and_counts(server):
    async with redis_cache(server.url, max_waiting_bytes=10_000) as cache:
        cache.put_many(pairs(1000), 60)

        figures = cache.figures()
        assert 9000 < figures["waiting_bytes"] <= 10_000
        assert 950 < figures["dropped"] < 1000
        await until(lambda: cache.figures()["waiting_bytes"] == 0)
        items = pairs(5)
        cache.put_many(items, 60)
        assert await until_found(cache, list(items)) == list(items.values())


async def test_nothing_is_kept_for_a_server_that_is_gone(server):
    items = pairs(5)
    async with redis_cache(server.url) as cache:
        server.kill()
        while cache.figures()["up"]:
            await cache.get_many(list(items))
        cache.put_many(items, 60)
        cache.feed.publish(b"hello")

        assert cache.figures()["waiting_bytes"] == 0
        assert cache.figures()["dropped"] == 6


async def test_what_is_cleared_while_it_is_under_way_is_gone(shared_server):
    items = pairs(5)
    async with redis_cache(shared_server.url, prefix="under way") as cache:
        cache.put_many(items, 60)
        await until_found(cache, list(items))
        reading = asyncio.ensure_future(cache.get_many(list(items)))
        await asyncio.sleep(0)
        clearing = asyncio.ensure_future(cache.clear())

        assert await reading == [None] * 5
        await clearing


async def test_what_is_cleared_is_gone_for_all_replicas(shared_server):
    items = pairs(5)
    async with (
        redis_cache(shared_server.url, prefix="clear") as one,
        redis_cache(shared_server.url, prefix="clear") as other,
    ):
        one.put_many(items, 60)
        await until_found(other, list(items))
        await other.clear()

        assert await other.get_many(list(items)) == [None] * 5
        await until_gone(one, list(items))
