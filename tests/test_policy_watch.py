"""What becomes of a policy file that changes, in all the ways in which files do."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

import orjson
import pytest

from proxy.errors import BadConfig, Mistake
from proxy.named_files import stamps
from proxy.policy import Policy
from proxy.policy_file import load_policy
from proxy.policy_watch import LOOK_EVERY, PolicyFile, PolicyWatch
from proxy.reloads import Reloads
from tests.fakes.config_map import ConfigMap


def written(budget_ms=1000, **more):
    rules = [{"mode": "off", "budget_ms": budget_ms}]
    store = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
    return orjson.dumps({"stores": [store], "rules": rules, **more})


class Follower:
    """Follows policies as an app does; can be held up, and can find that it can't follow one."""

    def __init__(self, policy):
        self.policy = policy
        self.reloads = Reloads()
        self.taken = []
        self.refuses = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def reload(self, policy, files):
        await self.go_on.wait()
        if self.refuses is not None:
            raise self.refuses
        self.policy = policy
        self.taken.append(policy.rules[0].budget_ms)
        self.reloads.take()
        return True


class Watched:
    """A policy file that is watched."""

    def __init__(self, path, look_every=LOOK_EVERY):
        self.path = path
        self._look_every = look_every
        self.before_watch = lambda: None

    async def __aenter__(self):
        self.file = PolicyFile(self.path, lambda: load_policy(self.path))
        policy, content = await asyncio.to_thread(self.file.read)
        self.app = Follower(policy)
        self.watch = PolicyWatch(self.app, self.file, content, look_every=self._look_every)
        await asyncio.to_thread(self.before_watch)
        self._running = asyncio.ensure_future(self.watch.run())
        await asyncio.sleep(0.1)  # it doesn't tell when it has begun
        return self

    async def __aexit__(self, *_):
        self._running.cancel()
        await self.watch.close()
        await asyncio.wait([self._running])

    @property
    def taken(self):
        return self.app.taken

    @property
    def reloads(self):
        return self.app.reloads

    async def put(self, write, *args):
        await asyncio.to_thread(write, *args)

    async def until(self, condition):
        try:
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110 - files change behind our back
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"taken {self.taken}, {self.reloads}") from None


@pytest.fixture
async def volume(tmp_path):
    """A ConfigMap, and the file in it, watched."""
    config_map = ConfigMap(tmp_path)
    config_map.put({"policy.yaml": written()})
    async with Watched(tmp_path / "policy.yaml") as watched:
        watched.config_map = config_map
        yield watched


@asynccontextmanager
async def plain(folder):
    path = folder / "policy.yaml"
    path.write_bytes(written())
    async with Watched(path) as watched:
        yield watched


async def test_a_config_map_s_update_is_taken_again_and_again(volume):
    for budget_ms in (1, 2, 3):
        await volume.put(volume.config_map.put, {"policy.yaml": written(budget_ms)})
        await volume.until(lambda budget_ms=budget_ms: volume.taken[-1:] == [budget_ms])

    assert volume.taken == [1, 2, 3]
    assert volume.reloads.counts == {"taken": 3}


async def test_an_edit_is_taken(tmp_path):
    async with plain(tmp_path) as watched:
        await watched.put(watched.path.write_bytes, written(5))
        await watched.until(lambda: watched.taken == [5])


async def test_a_file_that_an_editor_puts_in_its_place_is_taken(tmp_path):
    def save():
        (tmp_path / ".policy.yaml.swp").write_bytes(written(5))
        watched.path.rename(tmp_path / "policy.yaml~")
        (tmp_path / ".policy.yaml.swp").rename(watched.path)

    async with plain(tmp_path) as watched:
        await watched.put(save)
        await watched.until(lambda: watched.taken == [5])


async def test_a_file_that_is_gone_is_told_and_taken_when_it_comes_back(tmp_path, caplog):
    async with plain(tmp_path) as watched:
        await watched.put(watched.path.unlink)
        await watched.until(lambda: watched.reloads.rejected is not None)
        assert watched.taken == []
        assert "No such file" in watched.reloads.rejected

        await watched.put(watched.path.write_bytes, written(5))
        await watched.until(lambda: watched.taken == [5])
    assert watched.reloads.rejected is None


async def test_where_nothing_can_be_watched_it_is_looked_at_now_and_then(tmp_path, caplog):
    path = tmp_path / "volume" / "policy.yaml"
    path.parent.mkdir()
    path.write_bytes(written())
    watched = Watched(path, look_every=0.02)

    def remove():
        path.unlink()
        path.parent.rmdir()

    def restore():
        path.parent.mkdir()
        path.write_bytes(written(5))

    watched.before_watch = remove
    async with watched:
        await watched.until(lambda: watched.reloads.rejected is not None)
        await watched.put(restore)
        await watched.until(lambda: watched.taken == [5])

    assert "policy is looked at, not watched" in caplog.messages


async def test_all_mistakes_are_told_once(volume, caplog):
    bad = written(-1, admin="nowhere", cach={})
    await volume.put(volume.config_map.put, {"policy.yaml": bad})
    await volume.until(lambda: volume.reloads.rejected is not None)
    await volume.put(volume.config_map.put, {"policy.yaml": bad})
    await volume.watch.look()

    (line,) = [record for record in caplog.records if record.message == "policy rejected"]
    assert len(line.mistakes) == 3
    assert volume.reloads.rejected.splitlines() == line.mistakes
    assert {"rules[0].budget_ms", "admin", "cach"} == {told.split(": ")[1] for told in line.mistakes}
    assert volume.taken == []
    assert volume.reloads.counts == {"rejected": 1}
    assert volume.reloads.figures() == {"generation": 1.0, "rejected": 1.0}


async def test_another_mistake_is_told_too(volume, caplog):
    for number in (1, 2):
        await volume.put(volume.config_map.put, {"policy.yaml": written(-number)})
        await volume.until(lambda number=number: volume.reloads.counts["rejected"] == number)

    assert caplog.messages.count("policy rejected") == 2


async def test_secrets_are_not_told(volume, caplog):
    await volume.put(volume.config_map.put, {"policy.yaml": written(secret="swordfish", x="y")})
    await volume.until(lambda: volume.reloads.rejected is not None)

    told = [record.mistakes for record in caplog.records if record.message == "policy rejected"]
    assert "swordfish" not in f"{told}{volume.reloads.rejected}"


async def test_the_old_content_again_ends_the_rejection(volume):
    await volume.put(volume.config_map.put, {"policy.yaml": written(-1)})
    await volume.until(lambda: volume.reloads.rejected is not None)
    await volume.put(volume.config_map.put, {"policy.yaml": written()})
    await volume.until(lambda: volume.reloads.rejected is None)

    assert volume.reloads.counts == {"rejected": 1, "unchanged": 1}
    assert volume.taken == []


async def test_another_comment_is_no_other_policy(volume):
    await volume.put(volume.config_map.put, {"policy.yaml": written() + b" # no more than that"})
    await volume.until(lambda: volume.reloads.counts["unchanged"] == 1)

    assert volume.taken == []
    assert volume.reloads.sha256


async def test_what_is_asked_for_is_taken_even_if_it_has_not_changed(volume):
    await volume.watch.look(anyway=True)
    await volume.until(lambda: volume.taken == [1000])

    assert volume.reloads.counts == {"taken": 1}


async def test_a_policy_that_the_app_cannot_follow_is_rejected(volume, caplog):
    volume.app.refuses = BadConfig((Mistake("(policy)", "models.m", "could not be loaded", "see the log"),))
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: volume.reloads.rejected is not None)

    assert volume.reloads.rejected.startswith("(policy): models.m")
    assert "policy rejected" in caplog.messages


async def test_so_is_one_that_it_fails_on(volume, caplog):
    volume.app.refuses = MemoryError()
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: volume.reloads.rejected is not None)
    volume.app.refuses = None
    await volume.put(volume.config_map.put, {"policy.yaml": written(2)})

    await volume.until(lambda: volume.taken == [2])
    assert "MemoryError" in str([getattr(record, "mistakes", "") for record in caplog.records])


async def test_a_file_that_no_reader_was_made_for_is_rejected_and_the_next_one_taken(volume):
    await volume.put(volume.config_map.put, {"policy.yaml": b"[" * 5000})
    await volume.until(lambda: volume.reloads.rejected is not None)
    await volume.put(volume.config_map.put, {"policy.yaml": written(2)})

    await volume.until(lambda: volume.taken == [2])


async def test_one_that_takes_long_does_not_keep_a_later_one_from_being_read(volume):
    volume.app.go_on.clear()
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: len(volume.watch._tasks) == 1)
    await volume.put(volume.config_map.put, {"policy.yaml": written(2)})
    await volume.until(lambda: len(volume.watch._tasks) == 2)
    await asyncio.sleep(0)  # they have begun in their order
    volume.app.go_on.set()

    await volume.until(lambda: volume.taken == [1, 2])


async def test_a_bad_file_stays_rejected_when_the_one_before_it_is_taken_at_last(volume):
    volume.app.go_on.clear()
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: len(volume.watch._tasks) == 1)
    await volume.put(volume.config_map.put, {"policy.yaml": written(-1)})
    await volume.until(lambda: volume.reloads.rejected is not None)
    volume.app.go_on.set()
    await volume.until(lambda: volume.reloads.counts["taken"] == 1)
    await volume.watch.look()

    assert "budget_ms" in volume.reloads.rejected
    assert volume.reloads.counts == {"taken": 1, "rejected": 1}
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: volume.reloads.rejected is None)


async def test_one_that_names_other_files_is_read_once_however_long_it_takes(volume, tmp_path):
    probes = tmp_path / "probes.jsonl"
    probes.write_bytes(b'{"query": "one", "relevant": {"row-0": 1}}')
    volume.app.go_on.clear()
    await volume.put(volume.config_map.put, {"policy.yaml": written(1, harm_guard={"probes": str(probes)})})
    await volume.until(lambda: len(volume.watch._tasks) == 1)
    for _ in range(3):
        await volume.watch.look()
    volume.app.go_on.set()
    await volume.until(lambda: volume.taken == [1])

    assert volume.reloads.counts == {"taken": 1}


async def test_the_policy_in_use_ends_one_that_is_being_loaded(volume):
    volume.app.go_on.clear()
    await volume.put(volume.config_map.put, {"policy.yaml": written(1)})
    await volume.until(lambda: len(volume.watch._tasks) == 1)
    await volume.put(volume.config_map.put, {"policy.yaml": written()})
    await volume.until(lambda: len(volume.watch._tasks) == 2)
    await asyncio.sleep(0)  # they have begun in their order
    volume.app.go_on.set()

    await volume.until(lambda: volume.taken == [1, 1000])


async def test_a_file_that_the_policy_names_is_a_part_of_it(tmp_path):
    probes, path = tmp_path / "probes.jsonl", tmp_path / "volume" / "policy.yaml"
    path.parent.mkdir()
    probes.write_bytes(b'{"query": "one", "relevant": {"row-0": 1}}')
    path.write_bytes(written(harm_guard={"probes": str(probes)}))
    async with Watched(path, look_every=0.02) as watched:
        await watched.put(probes.write_bytes, b'{"query": "another", "relevant": {"row-0": 1}}')
        await watched.until(lambda: watched.taken == [1000])

        await watched.put(probes.write_bytes, b"no JSON")
        await watched.until(lambda: watched.reloads.rejected is not None)


def test_a_file_under_the_same_name_has_another_stamp(tmp_path):
    probes = tmp_path / "probes.jsonl"
    policy = Policy.model_validate(orjson.loads(written(harm_guard={"probes": str(probes)})))
    missing = stamps(policy)
    probes.write_text("one")
    first = stamps(policy)
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(probes.stat().st_atime_ns, probes.stat().st_mtime_ns))
    other.rename(probes)

    assert len({missing["harm_guard"], first["harm_guard"], stamps(policy)["harm_guard"]}) == 3
