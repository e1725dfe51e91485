"""A policy takes over from another: nobody notices but those who search from then on."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref

import aiohttp
import pytest

from proxy.app import App
from proxy.errors import BadConfig, Mistake
from proxy.policy import Policy
from tests.fakes.fixed_store import QUERY_PATH, FixedStore, query
from tests.fakes.odd_scorers import Reversing
from tests.fakes.reloading import (
    MODEL,
    REVERSED,
    STORE_ORDER,
    Broken,
    Slow,
    Stage,
    admin,
    descriptors,
    ids,
    until,
)
from tests.fakes.servers import free_address


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    await stage.close()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


# --- what takes over ----------------------------------------------------------------------------


async def test_searches_from_then_on_are_answered_by_the_new_policy(stage, session):
    app = await stage.app(await stage.policy("one"))
    assert await ids(session, app) == REVERSED

    assert await app.reload(await stage.policy())

    assert await ids(session, app) == STORE_ORDER
    assert app.reloads.generation == 2


async def test_connections_of_clients_stay_open(stage):
    app = await stage.app(await stage.policy("one"))
    made = []
    trace = aiohttp.TraceConfig()

    async def connected(*_):
        made.append(True)

    trace.on_connection_create_end.append(connected)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        await ids(session, app)
        await app.reload(await stage.policy())
        await ids(session, app)

    assert len(made) == 1


async def test_what_has_begun_ends_as_it_began(stage, session):
    class Held(Reversing):
        def __init__(self):
            super().__init__("held")
            self.asked, self.go_on, self.closed = asyncio.Event(), asyncio.Event(), False

        async def score(self, job):
            self.asked.set()
            await self.go_on.wait()
            assert not self.closed
            return await super().score(job)

        async def close(self):
            self.closed = True

    held = stage.models["held"] = Held()
    app = await stage.app(await stage.policy("held"))
    searching = asyncio.ensure_future(ids(session, app))
    await held.asked.wait()

    await app.reload(await stage.policy())

    assert await ids(session, app) == STORE_ORDER
    assert not held.closed
    held.go_on.set()
    assert await searching == REVERSED
    await app.retired()
    assert held.closed


async def test_a_model_that_both_describe_alike_stays_loaded(stage, session):
    app = await stage.app(await stage.policy("one"))
    one = stage.models["one"]
    one.start = None  # it would be called

    await app.reload(await stage.policy("one", rule={"candidates": {"min": 10, "max": 10}}))
    await app.retired()

    assert await ids(session, app) == [*REVERSED[10:], *STORE_ORDER[10:]]


async def test_kept_scores_live_on_with_their_model(stage, session):
    stage.models["one"] = Reversing("one", identity="for ever", pointwise=True)
    app = await stage.app(await stage.policy("one"))
    await ids(session, app)

    await app.reload(await stage.policy("one", rule={"blend": 0.1}))
    await ids(session, app)

    assert len(stage.models["one"].jobs) == 1


async def test_a_new_model_is_warm_when_it_is_first_asked(stage, session):
    slow = stage.models["slow"] = Slow()
    app = await stage.app(await stage.policy())
    reloading = asyncio.ensure_future(app.reload(await stage.policy("slow")))
    await until(lambda: "load policy" in {task.get_name() for task in asyncio.all_tasks()})

    assert await ids(session, app) == STORE_ORDER
    slow.go_on.set()
    assert await reloading

    assert await ids(session, app) == REVERSED


async def test_a_model_that_is_still_loading_at_the_start_is_loaded_for_the_next_policy(stage, session):
    slow = stage.models["slow"] = Slow()
    app = App(await stage.policy("slow"), scorers=stage.models)
    stage._apps.append(app)
    await app.start()

    assert await app.reload(await stage.policy("slow", rule={"blend": 0.1}))
    await app.retired()
    assert app.operations.models() == {"slow": "warming"}
    slow.go_on.set()

    await until(lambda: app.operations.models() == {"slow": "ready"})
    assert not slow.closed


async def test_a_store_s_new_upstream_is_asked(stage, session):
    class Other(FixedStore):
        def __init__(self):
            super().__init__()
            self._answers = {place: body.replace(b"row-", b"new-") for place, body in self._answers.items()}

    app = await stage.app(await stage.policy())
    await app.reload(await stage.policy(upstream=await stage.store(Other)))

    assert (await ids(session, app))[0] == "new-0"


async def test_a_store_that_moves_is_answered_at_its_new_address_alone(stage, session):
    app = await stage.app(await stage.policy())
    before = app.addresses["chroma"]

    await app.reload(await stage.policy(listen="127.0.0.1:0"))
    await app.retired()

    assert await ids(session, app) == STORE_ORDER
    assert app.addresses["chroma"] != before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*before)


async def test_stores_may_change_places(stage, session):
    def stores(first, second, **more):
        one, two = ({"kind": "chroma", "upstream": stage.upstream, "name": name} for name in ("one", "two"))
        return Policy.model_validate(
            {
                "stores": [{**one, "listen": first}, {**two, "listen": second}],
                "rules": [{"match": {"store": "one"}, "rerank": ["one"], "budget_ms": 30_000}],
                "models": {"one": MODEL},
            }
        )

    await stage.policy()
    here, there = (f"127.0.0.1:{free_address().port}" for _ in range(2))
    app = await stage.app(stores(here, there))
    await app.reload(stores(there, here))

    url = f"http://{here}{QUERY_PATH}"
    headers = {"x-midrank-query": "words", "content-type": "application/json"}
    async with session.post(url, data=query(), headers=headers) as answer:
        assert "x-midrank" not in answer.headers or answer.headers["x-midrank"] == "passed"
    assert app.addresses["one"][1] == int(there.rpartition(":")[2])


# --- what doesn't --------------------------------------------------------------------------------


async def test_a_model_that_cannot_be_loaded_is_not_taken(stage, session):
    stage.models["broken"] = Broken("broken")
    app = await stage.app(await stage.policy("one"))

    with pytest.raises(BadConfig, match=r"models\.broken"):
        await app.reload(await stage.policy("broken"))

    assert await ids(session, app) == REVERSED
    assert app.reloads.generation == 1
    assert "broken" not in app.operations.models()


async def test_one_that_failed_at_the_start_is_tried_again(stage, session):
    class Mended(Reversing):
        fails = True

        async def start(self):
            if self.fails:
                raise BadConfig((Mistake("m", "models.m", "not there", "weights"),))
            await super().start()

    stage.models["m"] = Mended("m")
    policy = await stage.policy("m")
    app = await stage.app(policy)
    assert app.operations.models() == {"m": "failed"}
    with pytest.raises(BadConfig):
        await app.reload(policy)

    Mended.fails = False
    stage.models["m"] = Mended("m")
    assert await app.reload(policy)

    assert await ids(session, app) == REVERSED


async def test_an_address_that_is_taken_keeps_all_as_it_was(stage, session):
    app = await stage.app(await stage.policy("one"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadConfig, match="free address"):
            await app.reload(await stage.policy(listen=listen))

    assert await ids(session, app) == REVERSED


async def test_a_taken_admin_address_does_too(stage, session):
    app = await stage.app(await stage.policy("one", admin="127.0.0.1:0"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadConfig, match="admin"):
            await app.reload(await stage.policy(admin=listen))

    assert await ids(session, app) == REVERSED
    assert (await admin(session, app, "/ready"))[0] == 200


async def test_a_setting_that_cannot_be_followed_leaves_nothing_behind(stage, tmp_path):
    app = await stage.app(await stage.policy("one"))
    parts = len(app._leases)
    probes = str(tmp_path / "missing")

    with pytest.raises(BadConfig, match="probes"):
        await app.reload(
            await stage.policy("two", harm_guard={"probes": probes}, secret="another one, of its own")
        )

    assert len(app._leases) == parts


# --- one after the other -------------------------------------------------------------------------


async def test_of_policies_that_follow_each_other_quickly_the_last_one_wins(stage, session):
    slow = stage.models["slow"] = Slow()
    app = await stage.app(await stage.policy("one"))
    first = asyncio.ensure_future(app.reload(await stage.policy("slow")))
    await until(lambda: "load policy" in {task.get_name() for task in asyncio.all_tasks()})
    second = asyncio.ensure_future(app.reload(await stage.policy("one", "slow")))
    third = asyncio.ensure_future(app.reload(await stage.policy()))

    assert await asyncio.gather(first, second, third) == [False, False, True]

    assert await ids(session, app) == STORE_ORDER
    assert slow.closed
    assert app.reloads.generation == 2


async def test_the_end_does_not_wait_for_a_policy_that_is_being_loaded(stage):
    slow = stage.models["slow"] = Slow()
    app = await stage.app(await stage.policy("one"))
    reloading = asyncio.ensure_future(app.reload(await stage.policy("slow")))
    await until(lambda: "load policy" in {task.get_name() for task in asyncio.all_tasks()})

    await app.close()

    assert await reloading is False
    assert slow.closed
    assert len(app._leases) == 0


async def test_nothing_is_reloaded_while_it_drains(stage):
    app = await stage.app(await stage.policy("one"))
    app.drain()

    assert await app.reload(await stage.policy()) is False
    assert app.policy.rules[0].mode == "on"


async def test_a_policy_that_still_has_a_search_to_finish_is_let_go_of_at_the_end(stage, session):
    never = stage.models["never"] = NeverAnswers("never")
    app = await stage.app(await stage.policy("never"))
    searching = asyncio.ensure_future(ids(session, app))
    await never.asked.wait()
    await app.reload(await stage.policy())

    assert await app.close(0.01) == 1

    assert never.closed
    assert len(app._leases) == 0
    with pytest.raises(aiohttp.ClientError):
        await searching


class NeverAnswers(Reversing):
    def __init__(self, name):
        super().__init__(name)
        self.asked, self.closed = asyncio.Event(), False

    async def score(self, job):
        self.asked.set()
        await asyncio.Event().wait()

    async def close(self):
        self.closed = True


async def test_nothing_is_left_of_those_that_were_in_use(stage, session):
    policies = [
        await stage.policy("one"),
        await stage.policy("two", rule={"cache": {"exact": "off"}}),
        await stage.policy("one", "two", listen="127.0.0.1:0"),
    ]
    app = await stage.app(policies[0])
    former = [weakref.ref(app._now), weakref.ref(app._now._stores[0].listener)]

    for number in range(5):
        await app.reload(policies[number % 3])
    await app.retired()
    threads, files, parts = threading.active_count(), descriptors(), len(app._leases)
    for number in range(5, 50):
        await app.reload(policies[number % 3])
        if number % 10 == 0:
            await ids(session, app)
    await app.retired()
    gc.collect()

    assert [one() for one in former] == [None, None]
    assert len(app._leases) <= parts + 2
    assert threading.active_count() <= threads + 1
    assert descriptors() <= files + 6
