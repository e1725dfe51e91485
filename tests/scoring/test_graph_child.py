"""One process: what it is given, and what is left to say about it when it is over."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from proxy.errors import BadConfig
from proxy.scoring.graph_child import GraphChild, GraphGone
from proxy.scoring.text_graph import TextInput
from tests.fakes.odd_graph_process import MODULE, prepared_oddly


def test_when_it_is_over_calls_raise_and_there_is_nothing_left_to_kill(tmp_path):
    child = GraphChild(prepared_oddly(tmp_path), 2, MODULE)
    child.wait_until_ready()
    child.kill()
    child.wait_until_over()

    assert child.bury() == -9
    for _ in range(3):
        with pytest.raises(GraphGone):
            child.run([TextInput("x")])
    child.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_it_can_be_killed_while_it_loads(tmp_path):
    child = GraphChild(prepared_oddly(tmp_path), 1, MODULE)
    child.kill()

    with pytest.raises(BadConfig, match="while it was loaded"):
        child.wait_until_ready()
    assert child.bury() == -9


def test_its_environment_holds_no_keys_of_anybody(tmp_path, monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    child = GraphChild(prepared_oddly(tmp_path), 1, MODULE)
    child.wait_until_ready()
    variables = Path(f"/proc/{child.pid}/environ").read_bytes()
    child.bury()

    assert b"secret" not in variables
    assert b"MALLOC_ARENA_MAX=2" in variables


def open_files():
    return sorted(int(one.name) for one in Path("/proc/self/fd").iterdir())


def test_where_no_file_can_be_opened_any_more_there_is_no_process(tmp_path):
    """And the sockets that there were are closed again."""
    prepared = prepared_oddly(tmp_path)
    before, limits = open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)
    few = before[-1] + 6
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, limits[1]))
    try:
        with pytest.raises(BadConfig, match="no process for the model: Too many open files"):
            GraphChild(prepared, few, MODULE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert open_files() == before
