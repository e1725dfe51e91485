"""Servers as child processes: a real Chroma server, the Qdrant stand-in, midrank itself.

Each is a context manager that gives the server's address once it answers, and ends its process on exit.
"""

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
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPO = Path(__file__).parents[2]
START_TIMEOUT = 60.0  # seconds; a cold import of the client libraries on a busy machine takes ten


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Give the base URL, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


class Child(NamedTuple):
    """A server and its process; `admin` is where it can be asked about itself, if anywhere."""

    address: Address
    pid: int
    admin: Address | None = None


class NotStarted(Exception):
    """A server process ended, or did not answer in time; carries what it printed."""


@contextmanager
def chroma_server(data: Path | None = None) -> Iterator[Address]:
    """Run a real Chroma server over the folder `data`, or over an empty one that is removed afterwards."""
    address = free_address()
    with TemporaryDirectory(prefix="midrank-chroma-") as scratch:
        run_cli = "from chromadb.cli.cli import app; app()"
        command = [sys.executable, "-c", run_cli, "run", "--path", str(data or scratch)]
        command += ["--host", address.host, "--port", str(address.port)]
        with _process(command) as log:
            _wait_until_it_answers(f"{address.url}/api/v2/heartbeat", log)
            yield address


@contextmanager
def qdrant_server(*options: str) -> Iterator[Address]:
    """Run the Qdrant stand-in; `options` are those of its command line, such as `--max-query-limit 50`."""
    address = free_address()
    command = [sys.executable, "-m", "tests.fakes.qdrant_stand_in", "--port", str(address.port), *options]
    with _process(command) as log:
        _wait_until_it_answers(f"{address.url}/healthz", log)
        yield address


@contextmanager
def midrank_server(kind: str, store: Address, **policy: Any) -> Iterator[Child]:
    """Run midrank in front of `store` as `midrank run` does; gives it once every model is ready."""
    address = free_address()
    listen = {"kind": kind, "listen": f"{address.host}:{address.port}", "upstream": store.url}
    with _midrank(address, {"stores": [listen], **policy}) as child:
        yield child


@contextmanager
def rerank_api_server(settings: Mapping[str, Any], **policy: Any) -> Iterator[Child]:
    """Run midrank's rerank API alone, as `midrank run` does; gives it once every model is ready."""
    address = free_address()
    api = {"listen": f"{address.host}:{address.port}", **settings}
    with _midrank(address, {"rerank_api": api, **policy}) as child:
        yield child


@contextmanager
def _midrank(address: Address, policy: Mapping[str, Any]) -> Iterator[Child]:
    admin = free_address()
    with TemporaryDirectory(prefix="midrank-policy-") as folder:
        path = Path(folder, "policy.yaml")
        path.write_bytes(orjson.dumps({"admin": f"{admin.host}:{admin.port}", **policy}))  # JSON is YAML
        with _process([sys.executable, "-m", "proxy", "run", "--policy", str(path)]) as log:
            _wait_until_it_answers(f"{admin.url}/warm", log)
            yield Child(address, log.process.pid, admin)


@contextmanager
def child(command: Sequence[str], ready: str) -> Iterator[int]:
    """Run any other server; gives its process id once the URL `ready` answers."""
    with _process(command) as log:
        _wait_until_it_answers(ready, log)
        yield log.process.pid


def free_address() -> Address:
    """Find a loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address(*probe.getsockname())


@contextmanager
def nobody_listening() -> Iterator[Address]:
    """Give an address that refuses: held, so that no server started meanwhile is given the same one."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Address(*held.getsockname())


class _Log(NamedTuple):
    process: subprocess.Popen[bytes]
    path: Path

    def tail(self) -> str:
        return self.path.read_text(errors="replace")[-2000:]


@contextmanager
def _process(command: Sequence[str]) -> Iterator[_Log]:
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False", "PYTHONPATH": str(REPO)}
    with TemporaryDirectory(prefix="midrank-log-") as folder:
        path = Path(folder, "log")
        with path.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=environment
            )
            try:
                yield _Log(process, path)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_it_answers(url: str, log: _Log) -> None:
    give_up = time.monotonic() + START_TIMEOUT
    while time.monotonic() < give_up:
        if log.process.poll() is not None:
            raise NotStarted(f"exit status {log.process.returncode}:\n{log.tail()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)  # there is nothing to wait on: the child tells nobody when it listens
    raise NotStarted(f"no answer from {url} in {START_TIMEOUT} s:\n{log.tail()}")
