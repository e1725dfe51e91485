"""Another program beside this one, for as long as a block runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

# Seconds. The first start of midrank prepares its models, which is minutes only on a very busy machine.
START_TIMEOUT = 180.0
STOP_TIMEOUT = 10.0
_LEASH = Path(__file__).with_name("leash.py")


class NotStarted(Exception):
    """A program did not come up; the message tells the user why."""


def python(*arguments: str) -> list[str]:
    """Return a command that runs this interpreter with the modules that are found here, and no others."""
    return [sys.executable, "-P", *arguments]


def free_port() -> int:
    """Find a loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    name: str, command: Sequence[str], log: Path, url: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a process running inside the block, from when `url` answers 200; what it prints goes to `log`.

    It has our environment, and `environment` on top. It ends with the block, and on Linux also where this
    program is killed inside of it.

    Raises:
        NotStarted: it ended, or didn't answer in time.
    """
    with log.open("wb") as output:
        # Its own session, so that Ctrl-C reaches only this program, which ends the others in order.
        process = subprocess.Popen(  # noqa: S603 - a fixed command line of ours
            [*python("-S", str(_LEASH)), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**_environment(), **(environment or {})},
            start_new_session=True,
        )
    try:
        _wait_until_ready(name, process, log, url)
        yield process
    finally:
        _stop(process)


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM leave through every `finally`, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "ANONYMIZED_TELEMETRY": "False"}


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    # A loopback URL is never asked for through a company's HTTP proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + START_TIMEOUT
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise NotStarted(f"{name} ended with status {process.returncode}; it said:\n{_tail(log)}")
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise NotStarted(f"{name} was not ready after {START_TIMEOUT:.0f} s; it said:\n{_tail(log)}")


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
