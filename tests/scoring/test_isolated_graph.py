"""Chaos with real processes: whatever happens to the model's, calls return or raise, and it goes on."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proxy.errors import BadConfig
from proxy.scoring.isolated_graph import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    GraphFailed,
    GraphGone,
    IsolatedGraph,
    next_pause,
)
from proxy.scoring.local_model import when_started
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import LocalTextGraph, TextInput
from tests.fakes.odd_graph_process import MODULE, prepared_oddly, starts

ROOT = Path(__file__).parents[2]


def until(condition):
    """Wait for what another process or thread does; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.005)


def gone(pid):
    """Whether a process has ended and has been reaped."""
    return not Path(f"/proc/{pid}").exists()


def tell(graph, text, query=None):
    return graph.run([TextInput(text, query)])[0]


def pid_of(graph):
    return int(tell(graph, "process")[0])


def started(prepared, connections, **options):
    graph = IsolatedGraph(prepared, connections, **options)
    graph.started.result()
    return graph


def pid_again(graph):
    """Return the next process, once it serves."""
    while True:
        try:
            return pid_of(graph)
        except GraphGone:
            time.sleep(0.005)


@contextmanager
def odd_graph(folder, connections=2):
    graph = started(prepared_oddly(folder), connections, module=MODULE)
    pid = pid_of(graph)
    try:
        yield graph, pid
    finally:
        graph.close()
        until(lambda: not keepers())
        assert gone(pid)


def open_files():
    gc.collect()  # what earlier tests have left is closed now, and not in between
    return {int(one.name) for one in Path("/proc/self/fd").iterdir()}


def keepers():
    return [thread for thread in threading.enumerate() if thread.name == "midrank-graph"]


# --- calls -----------------------------------------------------------------------------------


def test_it_answers_as_the_model_does_in_this_process(tiny_cross_encoder):
    prepared = prepare(str(tiny_cross_encoder))
    inputs = [
        TextInput("the cat sat on the mat", "which cat?"),
        TextInput("a dog ran far away " * 30, "dog", 24, 3),
    ]
    inputs.append(TextInput("a b c"))
    graph = started(prepared, 1)
    try:
        there, here = graph.run(inputs), LocalTextGraph(prepared).run(inputs)
    finally:
        graph.close()

    assert [one.tolist() for one in there] == [one.tolist() for one in here]


def test_every_thread_gets_its_own_answers(tmp_path):
    with odd_graph(tmp_path, connections=3) as (graph, _), ThreadPoolExecutor(4) as threads:
        calls = [[TextInput("x" * n, "y" * (n % 7), n, 2)] * (1 + n % 3) for n in range(1, 201)]
        answers = list(threads.map(graph.run, calls))

    for number, answer in enumerate(answers, 1):
        assert [one.tolist() for one in answer] == [[[number, number], [number % 7, 2]]] * (1 + number % 3)


def test_no_more_of_a_book_is_sent_than_the_model_looks_at(tmp_path):
    with odd_graph(tmp_path) as (graph, _):
        (answer,) = graph.run([TextInput("word " * 10**6, "q", 10, 2)])

    assert answer[0, 0] == 2 * 10 * 32


def test_there_are_as_many_threads_as_connections(tmp_path):
    with odd_graph(tmp_path, connections=2) as (graph, _):
        assert len({tell(graph, "process")[1] for _ in range(10)}) <= 2


def test_a_model_that_raises_fails_the_call_by_name_and_lives_on(tmp_path):
    with odd_graph(tmp_path) as (graph, pid):
        with pytest.raises(GraphFailed, match=r"\AArithmeticError\Z"):
            tell(graph, "raise", "what nobody may see")
        assert pid_of(graph) == pid


# --- ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("last_words", "status"), [("die", 7), ("crash", -signal.SIGSEGV)])
def test_a_process_that_dies_is_replaced(tmp_path, caplog, last_words, status):
    with odd_graph(tmp_path) as (graph, pid):
        with pytest.raises(GraphGone):
            tell(graph, last_words)
        assert pid_again(graph) != pid
        assert gone(pid)
    ends = [record for record in caplog.records if record.getMessage() == "model process ended"]
    assert [(record.pid, record.status) for record in ends] == [(pid, status)]


def test_a_process_that_is_killed_from_outside_is_replaced(tmp_path):
    with odd_graph(tmp_path) as (graph, pid), ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(tell, graph, "hang") for _ in range(2)]
        os.kill(pid, signal.SIGKILL)

        assert all(isinstance(call.exception(), GraphGone) for call in calls)
        assert pid_again(graph) != pid


@pytest.mark.parametrize("stopped", [False, True])
def test_calls_that_hang_end_with_an_interrupt(tmp_path, stopped):
    """Also calls that wait for a connection."""
    with odd_graph(tmp_path) as (graph, pid), ThreadPoolExecutor(3) as threads:
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        calls = [threads.submit(tell, graph, "hang") for _ in range(3)]
        graph.interrupt()

        assert all(isinstance(call.exception(), GraphGone) for call in calls)
        assert pid_again(graph) != pid


@pytest.mark.parametrize("babble", ["babble", "too few"])
def test_a_process_that_says_anything_but_answers_is_ended(tmp_path, babble):
    with odd_graph(tmp_path, connections=1) as (graph, pid):
        with pytest.raises(GraphGone):
            graph.run([TextInput(babble), TextInput("")])
        assert pid_again(graph) != pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_stop_the_proxy_are_left_to_it(tmp_path, capfd, number):
    with odd_graph(tmp_path) as (graph, pid):
        os.kill(pid, number)
        assert pid_of(graph) == pid
        assert os.getsid(pid) != os.getsid(0)
    assert capfd.readouterr().err == ""


def test_nothing_is_left_behind(tmp_path):
    """No process, no thread, no file; and afterwards every call raises."""
    before = open_files()
    with odd_graph(tmp_path) as (graph, _):
        for _ in range(2):
            with pytest.raises(GraphGone):
                tell(graph, "die")
            pid_again(graph)

    assert open_files() <= before
    with pytest.raises(GraphGone):
        tell(graph, "x")
    graph.interrupt()
    graph.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("stopped", [False, True])
def test_the_process_ends_with_the_proxy(tmp_path, number, stopped):
    """Even if it hangs itself, where the kernel can see to that."""
    if stopped and sys.platform != "linux":
        pytest.skip("only Linux tells a process of its parent's end")
    program = f"""
import sys
from pathlib import Path
from proxy.scoring.isolated_graph import IsolatedGraph
from tests.fakes.odd_graph_process import MODULE, prepared_oddly
from proxy.scoring.text_graph import TextInput
graph = IsolatedGraph(prepared_oddly(Path({str(tmp_path)!r})), 1, module=MODULE)
graph.started.result()
print(int(graph.run([TextInput("process")])[0][0]), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as proxy:
        pid = int(proxy.stdout.readline())
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        proxy.send_signal(number)
    # A container's first process may never reap: it is dead when it runs nothing any more.
    until(lambda: gone(pid) or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")


# --- starts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "said"),
    [("refuse", "not a graph - a better one"), ("die", "ended or hung"), ("babble", "ended or hung")],
)
def test_a_model_that_does_not_start_is_a_bad_configuration(tmp_path, start, said):
    prepared = prepared_oddly(tmp_path, start)

    with pytest.raises(BadConfig, match=said):
        started(prepared, 2, module=MODULE)
    until(lambda: not keepers())
    assert starts(prepared) == 1


def test_a_graph_that_is_none_is_told_as_in_this_process(tiny_cross_encoder, tmp_path):
    prepared = prepare(str(tiny_cross_encoder))
    (tmp_path / "graph.onnx").write_bytes(b"junk")
    broken = type(prepared)(
        tmp_path / "graph.onnx", prepared.tokenizer, prepared.head, prepared.max_tokens, prepared.identity
    )
    with pytest.raises(BadConfig) as there:
        started(broken, 1)
    with pytest.raises(BadConfig) as here:
        LocalTextGraph(broken)

    assert str(there.value) == str(here.value)


def test_a_process_that_can_not_start_again_is_tried_ever_more_rarely(tmp_path):
    prepared = prepared_oddly(tmp_path)
    with odd_graph(tmp_path) as (graph, pid):
        prepared.graph.write_text("die")
        os.kill(pid, signal.SIGKILL)
        until(lambda: starts(prepared) == 3)
        with pytest.raises(GraphGone):
            tell(graph, "x")
        prepared.graph.write_text("fine")
        assert pid_again(graph) != pid


def test_the_pause_before_a_start_doubles_up_to_the_longest():
    pauses = [0.0]
    for _ in range(12):
        pauses.append(next_pause(pauses[-1], lived=1.0))

    assert pauses[1] == SHORTEST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert all(np.diff(pauses[1:-2]) > 0)
    assert next_pause(LONGEST_PAUSE, lived=LONGEST_PAUSE + 1) == SHORTEST_PAUSE


def test_a_graph_that_is_closed_during_its_first_start_says_so(tmp_path):
    prepared = prepared_oddly(tmp_path, "hang")
    graph = IsolatedGraph(prepared, 1, module=MODULE)
    until(lambda: starts(prepared) == 1)
    graph.close()
    with pytest.raises(GraphGone):
        graph.started.result()
    until(lambda: not keepers())


def test_whatever_goes_wrong_at_the_start_is_told(tmp_path):
    prepared = replace(prepared_oddly(tmp_path), graph=None)
    with pytest.raises(AttributeError):
        started(prepared, 1, module=MODULE)
    until(lambda: not keepers())


async def test_a_start_that_is_no_longer_waited_for_leaves_no_process(tmp_path):
    prepared = prepared_oddly(tmp_path, "hang")
    loading = asyncio.create_task(when_started(IsolatedGraph(prepared, 1, module=MODULE)))
    await asyncio.to_thread(until, lambda: starts(prepared) == 1)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await asyncio.to_thread(until, lambda: not keepers())


def test_a_package_of_our_name_in_the_working_directory_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)
    with odd_graph(tmp_path):
        pass


def test_a_graph_can_be_closed_while_its_process_starts(tmp_path):
    prepared = prepared_oddly(tmp_path)
    with odd_graph(tmp_path) as (graph, pid):
        os.kill(pid, signal.SIGKILL)
        until(lambda: starts(prepared) == 2)
        graph.close()
    assert not keepers()
