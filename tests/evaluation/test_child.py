"""A child never outlives its block, and it is told why one did not come up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.evaluation.child import NotStarted, free_port, running

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
        pytest.raises(NotStarted, match=r"(?s)a server ended with status 3.*no such port"),
        running("a server", command, tmp_path / "log", url),
    ):
        pytest.fail("the block must not run")


STARTER = """
import sys, time
from pathlib import Path
from proxy.evaluation.child import running
url, log, *command = sys.argv[1:]
with running("a server", command, Path(log), url) as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a program with the one that started it")
def test_a_server_does_not_outlive_a_starter_that_is_killed(tmp_path):
    port = free_port()
    told = [f"http://127.0.0.1:{port}/", str(tmp_path / "log"), *serving(port)]
    starter = subprocess.Popen([sys.executable, "-c", STARTER, *told], stdout=subprocess.PIPE)
    try:
        pid = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        for _ in range(500):
            if not is_running(pid):
                break
            time.sleep(0.02)
        assert not is_running(pid)
    finally:
        starter.kill()
        starter.communicate()


def is_running(pid):
    """Say whether there is such a process; one that has ended may stand in the list for a while."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
