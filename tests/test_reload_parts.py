"""What stands beside the searches when a policy takes over: operators, records, evidence."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest

from tests.fakes.reloading import STORE_ORDER, Stage, admin, clear_cache, ids
from tests.fakes.servers import free_address

HARMED = [{"query": f"question {number}", "relevant": {"row-0": 1}} for number in range(200)]


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    await stage.close()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_operators_see_the_policy_in_use(stage, session):
    app = await stage.app(await stage.policy("one", admin="127.0.0.1:0"))

    await app.reload(await stage.policy("two", admin="127.0.0.1:0"))

    ready = orjson.loads((await admin(session, app, "/ready"))[1])
    assert ready["models"] == {"two": "ready"}
    assert ready["policy"]["generation"] == 2


async def test_a_changed_admin_key_is_asked_for(stage, session):
    app = await stage.app(await stage.policy("one", admin="127.0.0.1:0"))
    address = app.admin_address
    assert await clear_cache(session, app) == 200

    key = "opened-for-tests"
    await app.reload(await stage.policy("one", admin={"listen": "127.0.0.1:0", "api_key": key}))

    assert app.admin_address == address
    assert await clear_cache(session, app) in (401, 403)
    assert await clear_cache(session, app, key) == 200


async def test_the_admin_port_may_move_come_and_go(stage, session):
    app = await stage.app(await stage.policy())
    assert app.admin_address is None

    await app.reload(await stage.policy(admin="127.0.0.1:0"))
    before = app.admin_address
    assert (await admin(session, app, "/live"))[0] == 200
    await app.reload(await stage.policy(admin=f"127.0.0.1:{free_address().port}"))
    assert (await admin(session, app, "/live"))[0] == 200
    assert app.admin_address != before
    await app.reload(await stage.policy())

    assert app.admin_address is None
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*before)


async def test_records_go_on_in_the_same_file(stage, session, tmp_path):
    record = {"folder": str(tmp_path), "texts": "keep"}
    app = await stage.app(await stage.policy("one", record=record))
    await ids(session, app, "before")

    await app.reload(await stage.policy("one", record=record, rule={"blend": 0.1}))
    await app.retired()
    await ids(session, app, "after")
    await app.close()

    (file,) = tmp_path.iterdir()
    queries = [orjson.loads(line).get("query") for line in file.read_bytes().splitlines()]
    assert [text for text in map(_text, queries) if text] == ["before", "after"]


def _text(query):
    return query.get("text") if isinstance(query, dict) else query


@pytest.mark.parametrize("kept", [True, False])
async def test_what_the_harm_guard_found_out_is_known_to_the_next_one(stage, session, tmp_path, kept):
    probes = tmp_path / "probes.jsonl"
    probes.write_bytes(b"\n".join(map(orjson.dumps, HARMED)))
    guard = {
        "probes": str(probes),
        "auto_off": True,
        **({"file": str(tmp_path / "evidence")} if kept else {}),
    }
    app = await stage.app(await stage.policy("one", harm_guard=guard))
    for number in range(60):
        await ids(session, app, f"question {number}")
    (before,) = (await app.operations.proof.evidence())["harm"]["collections"]

    await app.reload(await stage.policy("one", harm_guard={**guard, "min_lift": 0.02}))
    await app.retired()

    harm = (await app.operations.proof.evidence())["harm"]
    assert harm["min_lift"] == 0.02
    assert harm["collections"][0]["alarm"] == before["alarm"] is not None
    assert await ids(session, app) == STORE_ORDER  # it is still switched off
    await app.close()
    assert (tmp_path / "evidence").exists() is kept


async def test_probes_that_were_replaced_are_read_anew(stage, tmp_path):
    probes = tmp_path / "probes.jsonl"
    policy = await stage.policy("one", harm_guard={"probes": str(probes)})
    probes.write_bytes(b"\n".join(map(orjson.dumps, HARMED[:7])))
    app = await stage.app(policy, files={"harm_guard": ((1, 1, 1),)})

    probes.write_bytes(b"\n".join(map(orjson.dumps, HARMED[:9])))
    await app.reload(policy, {"harm_guard": ((1, 1, 1),)})
    assert (await app.operations.proof.evidence())["harm"]["probes"] == 7
    await app.reload(policy, {"harm_guard": ((2, 2, 2),)})

    assert (await app.operations.proof.evidence())["harm"]["probes"] == 9
