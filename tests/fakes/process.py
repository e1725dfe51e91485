"""`midrank run` as a process of its own: what it logs, how it ends, what its admin port says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.servers import REPO

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.fakes.servers import Address

PATIENCE = 30.0  # seconds for anything to happen on a busy machine


class Running:
    """The process, and the files that it writes to."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, admin: Address) -> None:
        self.process = process
        self.admin = admin
        self._log = log

    @property
    def logged(self) -> list[dict[str, Any]]:
        """Everything that it has logged so far."""
        lines = self._log.read_bytes().split(b"\n")[:-1]
        return [orjson.loads(line) if line.startswith(b"{") else {"message": line.decode()} for line in lines]

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The lines of one message."""
        return [line for line in self.logged if line["message"] == message]

    def wait_for(self, message: str, times: int = 1) -> dict[str, Any]:
        """Wait until it has logged a message so often, and return the last of them."""
        self.until(lambda: len(self.lines(message)) >= times, message)
        return self.lines(message)[times - 1]

    def until(self, condition: Callable[[], bool], what: str = "a condition") -> None:
        """Wait for something that happens elsewhere."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended while waiting for {what}: {self.logged[-5:]}"
            assert time.monotonic() < give_up, f"waited in vain for {what}: {self.logged[-5:]}"
            time.sleep(0.02)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of what the admin port answers."""
        try:
            with urllib.request.urlopen(f"{self.admin.url}{path}", timeout=5) as answer:
                return answer.status, orjson.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, orjson.loads(error.read())

    def text(self, path: str) -> str:
        """Return what the admin port says, as text."""
        with urllib.request.urlopen(f"{self.admin.url}{path}", timeout=5) as answer:
            return answer.read().decode()

    def answers(self, path: str) -> bool:
        """Say whether the admin port answers with 200."""
        try:
            return self.ask(path)[0] == 200
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(PATIENCE)


@contextmanager
def midrank(
    policy: Path,
    admin: Address,
    *options: str,
    within: Sequence[str] = (),
    log_to: int | None = None,
    **environment: str,
) -> Iterator[Running]:
    """Run it until the block ends, from when it is ready; its log lies beside the policy's folder.

    `within` is a command that runs it; `log_to` a descriptor that it writes to instead of that log.
    """
    log = policy.parent.with_suffix(f".{admin.port}.log")
    command = [*within, sys.executable, "-m", "proxy", "run", "--policy", str(policy), *options]
    with log.open("ab") as file:
        to = file if log_to is None else log_to
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=to,
            env={**os.environ, "PYTHONPATH": str(REPO), **environment},
        )
    running = Running(process, log, admin)
    try:
        running.until(lambda: running.answers("/ready"), "readiness")
        yield running
    finally:
        process.kill()
        process.wait()
