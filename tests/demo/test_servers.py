"""The demo never leaves a server behind, and says why one did not come up."""

import os
import sys

import pytest

from proxy.demo.servers import DemoFailed, free_port, running

pytestmark = pytest.mark.wire


def serving(port):
    return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_runs_inside_the_block_and_not_after_it(tmp_path):
    port = free_port()
    with running("a server", serving(port), tmp_path / "log", f"http://127.0.0.1:{port}/") as process:
        assert process.poll() is None
    assert not is_alive(process.pid)


def test_an_error_inside_the_block_ends_the_server(tmp_path):
    port = free_port()
    with (
        pytest.raises(ZeroDivisionError),
        running("a server", serving(port), tmp_path / "log", f"http://127.0.0.1:{port}/") as process,
    ):
        raise ZeroDivisionError
    assert not is_alive(process.pid)


def test_a_server_that_ends_at_once_is_quoted(tmp_path):
    command = [sys.executable, "-c", "import sys; print('no such port'); sys.exit(3)"]
    url = f"http://127.0.0.1:{free_port()}/"
    with (
        pytest.raises(DemoFailed, match=r"(?s)a server ended with status 3.*no such port"),
        running("a server", command, tmp_path / "log", url),
    ):
        pytest.fail("the block must not run")
