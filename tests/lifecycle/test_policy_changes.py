"""A process whose policy changes under load: nobody is turned away, and no answer is half of each."""

from __future__ import annotations

import asyncio
import signal
import subprocess

import psutil
import pytest

from tests.fakes.searching import Searching


async def reloaded_under_load(scene, running, times, apps=4):
    """Reload so often while apps search; return what came of it."""
    searching = Searching()
    apps = asyncio.create_task(searching.run(scene.listen, apps))
    for number in range(times):
        await scene.change(running, number)
    searching.stop = True
    await apps
    return searching


async def reload_and_judge(scene, times):
    running = await asyncio.to_thread(scene.midrank)
    process = psutil.Process(running.process.pid)
    threads, files = process.num_threads(), process.num_fds()

    searching = await reloaded_under_load(scene, running, times)

    assert searching.failures == {}
    assert searching.connections == 4  # none was closed under an app
    assert searching.unlike(scene.pages) == {}
    assert set(searching.pages) == set(map(tuple, scene.pages))
    status, ready = await asyncio.to_thread(running.ask, "/ready")
    assert (status, ready["policy"]["generation"]) == (200, times + 1)
    assert process.num_threads() <= threads + 2
    assert process.num_fds() <= files + 4 * 4  # those of the apps, and what they are answered with
    assert [line for line in running.logged if line["level"] not in ("info", "debug")] == []


async def test_nothing_is_dropped_while_policies_change(scene):
    await reload_and_judge(scene, times=8)


@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_nothing_is_dropped_in_a_hundred_changes(scene):
    await reload_and_judge(scene, times=100)


def test_a_bad_file_is_told_everywhere_and_changes_nothing(scene):
    running = scene.midrank()
    sha256 = running.ask("/ready")[1]["policy"]["sha256"]

    scene.config_map.put({"policy.yaml": scene.policy(admin=scene.stores["one"], cach={})})
    running.wait_for("policy rejected")

    (line,) = running.lines("policy rejected")
    assert len(line["mistakes"]) == 2
    status, ready = running.ask("/ready")
    assert status == 200
    assert ready["policy"]["sha256"] == sha256 == line["still"]
    assert "cach" in str(ready["policy"]["rejected"])
    assert 'midrank_policy_reloads_total{midrank_result="rejected"} 1.0' in running.text("/metrics")
    assert "midrank_policy_rejected 1.0" in running.text("/metrics")

    scene.config_map.put({"policy.yaml": scene.policy()})
    running.wait_for("policy unchanged")
    assert "midrank_policy_rejected 0.0" in running.text("/metrics")


def test_it_follows_where_the_kernel_has_no_watches_left(scene):
    apart = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace is to be had here")
    none_left = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'
    running = scene.midrank(within=[*apart, "sh", "-c", none_left, "sh"])
    scene.config_map.put({"policy.yaml": scene.policy(window=20)})

    assert running.wait_for("policy taken")["generation"] == 2
    assert len(running.lines("policy is looked at, not watched")) == 1


def test_sighup_reloads_at_once_even_what_has_not_changed(scene):
    running = scene.midrank("--no-watch")
    scene.config_map.put({"policy.yaml": scene.policy(window=20)})
    assert running.ask("/ready")[1]["policy"]["generation"] == 1

    for generation in (2, 3):
        running.signal(signal.SIGHUP)
        assert running.wait_for("policy taken", generation - 1)["generation"] == generation
