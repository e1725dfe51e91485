"""How the process ends: what is answered until then, what is not, and how long it takes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import time
from contextlib import suppress

import pytest

from proxy.cli import main
from tests.fakes.searching import Searching
from tests.fakes.servers import Address

# Beyond what it is told to take: a process that ends, and a busy machine.
SLACK = 5.0


@pytest.fixture
def silent_store():
    """A store that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield Address(*listening.getsockname())


def hanging(scene, store):
    """Return a policy in front of a store that hangs."""
    scene.stores["hanging"] = store
    return scene.policy(store="hanging")


def ask(address, then=b""):
    """Begin a request, and return its socket."""
    client = socket.create_connection(address)
    client.sendall(b"GET /api/v2/heartbeat HTTP/1.1\r\nhost: x\r\n\r\n" + then)
    return client


def test_it_ends_with_0_and_says_how(scene):
    running = scene.midrank()

    running.signal(signal.SIGINT)

    assert running.wait() == 0
    assert running.lines("drained")[0]["cut_off"] == 0
    assert running.logged[-1]["message"] == "stopped"
    assert "took" in running.logged[-1]


async def test_it_goes_on_for_the_delay_while_clients_leave(scene):
    running = await asyncio.to_thread(scene.midrank, "--drain-delay-seconds", "1.5")
    searching = Searching()
    apps = asyncio.create_task(searching.run(scene.listen, 4))
    await asyncio.to_thread(running.until, lambda: sum(searching.pages.values()) > 20, "searches")

    running.signal(signal.SIGTERM)
    await asyncio.to_thread(running.wait_for, "draining")
    asked_before = searching.asked_to_leave
    assert (await asyncio.to_thread(running.ask, "/ready"))[0] == 503
    assert (await asyncio.to_thread(running.ask, "/live"))[0] == 200
    await asyncio.sleep(0.7)
    searching.stop = True
    await apps

    assert await asyncio.to_thread(running.wait) == 0
    assert asked_before == 0 or searching.asked_to_leave > 0
    assert searching.asked_to_leave > 0
    assert searching.failures == {}


def test_a_store_that_hangs_keeps_it_for_the_drain_and_no_longer(scene, silent_store):
    running = scene.midrank("--drain-seconds", "1", policy=hanging(scene, silent_store))
    client = ask(scene.listen)
    running.until(lambda: running.text("/metrics").find('midrank_connections{midrank_store="store"} 1') > 0)

    begun = time.monotonic()
    running.signal(signal.SIGTERM)

    assert running.wait() == 0
    assert 1 <= time.monotonic() - begun < 1 + SLACK
    assert running.lines("drained")[0]["cut_off"] == 1
    client.close()


@pytest.mark.parametrize("delay", ["0", "60"])
def test_a_second_signal_ends_it_at_once(scene, silent_store, delay):
    options = ("--drain-seconds", "60", "--drain-delay-seconds", delay)
    running = scene.midrank(*options, policy=hanging(scene, silent_store))
    client = ask(scene.listen)
    running.until(lambda: running.text("/metrics").find('midrank_connections{midrank_store="store"} 1') > 0)

    running.signal(signal.SIGTERM)
    running.wait_for("draining")
    begun = time.monotonic()
    running.signal(signal.SIGTERM)

    assert running.wait() == 0
    assert time.monotonic() - begun < SLACK
    assert running.lines("drained")[0]["cut_off"] == 1
    client.close()


def test_a_collector_that_hangs_keeps_it_for_two_seconds(scene, silent_store):
    running = scene.midrank(
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_METRICS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=silent_store.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    asyncio.run(_searches(scene))

    begun = time.monotonic()
    running.signal(signal.SIGTERM)

    assert running.wait() == 0
    assert time.monotonic() - begun < 2 + SLACK


async def _searches(scene):
    searching = Searching()
    apps = asyncio.create_task(searching.run(scene.listen, 1))
    await asyncio.sleep(0.2)
    searching.stop = True
    await apps
    assert searching.failures == {}


def test_a_policy_that_loads_does_not_keep_it(scene, silent_store):
    running = scene.midrank()
    # A reranker that hangs while it is tried out.
    model = {"kind": "remote", "dialect": "tei", "url": f"{silent_store.url}/last"}
    scene.config_map.put({"policy.yaml": scene.policy(models={"last": model})})
    silent_store_is_asked(silent_store, running)

    running.signal(signal.SIGTERM)

    assert running.wait() == 0
    assert running.lines("policy taken") == []


def silent_store_is_asked(address, running):
    running.until(lambda: len(running.lines("model loading")) == 2, "the model of the new policy")


@pytest.fixture
def pipe():
    """The ends of a pipe that takes little."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):  # closed by the test
            os.close(end)


async def test_whoever_reads_its_log_may_go_away(scene, pipe):
    reading, writing = pipe
    os.close(reading)
    running = await asyncio.to_thread(scene.midrank, log_to=writing)

    await _searches(scene)
    running.signal(signal.SIGTERM)

    assert await asyncio.to_thread(running.wait) == 0


async def test_whoever_reads_its_log_may_hang(scene, pipe):
    _, writing = pipe
    running = await asyncio.to_thread(scene.midrank, "--log-level", "debug", log_to=writing)
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b".")
    os.set_blocking(writing, True)  # for midrank, too

    for _ in range(5):
        scene.config_map.put({"policy.yaml": b"no policy"})
        running.signal(signal.SIGHUP)
        assert (await asyncio.to_thread(running.ask, "/live"))[0] == 200
    await _searches(scene)
    running.signal(signal.SIGTERM)

    assert await asyncio.to_thread(running.wait) == 0


@pytest.mark.parametrize("option", ["--drain-seconds", "--drain-delay-seconds"])
@pytest.mark.parametrize("value", ["-1", "soon", "inf", "nan"])
def test_times_are_times(option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--policy", "x", option, value])

    assert ended.value.code == 2
    assert option in capsys.readouterr().err


def test_a_file_system_that_hangs_does_not_keep_it(scene, tmp_path):
    running = scene.midrank("--drain-seconds", "0")
    hanging = tmp_path / "probes.jsonl"
    os.mkfifo(hanging)  # who reads it waits for somebody to write, in a thread that Python would wait for
    scene.config_map.put({"policy.yaml": scene.policy(harm_guard={"probes": str(hanging)})})
    writers = []
    running.until(lambda: writers.extend(writer(hanging)) or writers, "a thread that reads")

    begun = time.monotonic()
    running.signal(signal.SIGTERM)

    assert running.wait() == 0
    assert time.monotonic() - begun < 4 + SLACK
    assert running.logged[-1]["message"] == "something hangs; the process ends without it"
    os.close(*writers)


def writer(fifo):
    """Return a descriptor of a writer that writes nothing, once there is a reader."""
    try:
        return [os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)]
    except OSError:
        return []
