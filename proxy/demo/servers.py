"""The demo's two servers, each a process of its own that ends with the demo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

import proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Seconds. The first start of midrank prepares the model, which is minutes only on a very busy machine.
START_TIMEOUT = 180.0
STOP_TIMEOUT = 10.0


class DemoFailed(Exception):
    """The demo cannot go on; the message tells the user why."""


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """Run a Chroma server that keeps its data and its log in a folder; gives its URL once it answers.

    Raises:
        DemoFailed: it ended, or didn't answer in time.
    """
    port = free_port()
    # The `chroma` command, whether or not it is on the path; it wants its own name as first argument.
    start = "import sys; sys.argv[0] = 'chroma'; from chromadb.cli.cli import app; app()"
    command = [sys.executable, "-c", start, "run", "--path", str(folder / "chroma"), "--host", "127.0.0.1"]
    with running(
        "Chroma",
        [*command, "--port", str(port)],
        folder / "chroma.log",
        f"http://127.0.0.1:{port}/api/v2/heartbeat",
    ):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def midrank(upstream: str, folder: Path) -> Iterator[str]:
    """Run midrank in front of a Chroma server, as a user would; gives its URL once it is ready.

    The folder gets its policy, its log, and what its model has learnt about passages.

    Raises:
        DemoFailed: it ended, or wasn't ready in time.
    """
    port, admin = free_port(), free_port()
    policy = folder / "policy.yaml"
    policy.write_text(yaml.safe_dump(_policy(upstream, folder / "matrices", port, admin), sort_keys=False))
    command = [sys.executable, "-m", "proxy", "run", "--policy", str(policy)]
    with running("midrank", command, folder / "midrank.log", f"http://127.0.0.1:{admin}/ready"):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """Find a loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _policy(upstream: str, matrices: Path, port: int, admin: int) -> dict[str, object]:
    """Write what an operator would: where the store is. How to rank is left to midrank's defaults."""
    return {
        "version": 1,
        "stores": [{"kind": "chroma", "listen": f"127.0.0.1:{port}", "upstream": upstream}],
        "models": {"default": {"kind": "late_interaction", "file": str(matrices)}},
        "admin": f"127.0.0.1:{admin}",
    }


@contextmanager
def running(name: str, command: Sequence[str], log: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a process running inside the block, from when `url` answers 200; what it prints goes to `log`.

    Raises:
        DemoFailed: it ended, or didn't answer in time.
    """
    with log.open("wb") as output:
        # Its own session, so that Ctrl-C reaches only the demo, which stops its servers in order.
        process = subprocess.Popen(  # noqa: S603 - a fixed command line of ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path(proxy.__file__).parents[1],
            env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
            start_new_session=True,
        )
    try:
        _wait_until_ready(name, process, log, url)
        yield process
    finally:
        _stop(process)


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    give_up = time.monotonic() + START_TIMEOUT
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise DemoFailed(f"{name} ended with status {process.returncode}; it said:\n{_tail(log)}")
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - a loopback URL of ours
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise DemoFailed(f"{name} was not ready after {START_TIMEOUT:.0f} s; it said:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip() or "(nothing)"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also when a second Ctrl-C cuts the waiting short
        process.kill()
        process.wait()
