"""A real Redis on a port of its own, and all that may happen to it."""

from __future__ import annotations

import os
import shutil
import signal
import socketserver
import subprocess
import threading
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from redis import Redis
from redis.exceptions import ConnectionError as Unreachable

from tests.fakes.servers import free_address

if TYPE_CHECKING:
    from types import TracebackType

COMMAND = "redis-server"
START_TIMEOUT = 10.0  # seconds
# What may be at Redis's port instead: another protocol, or the right one with what nobody asked for.
BABBLE = (
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"$3\r\nno!\r\n",
    b"*-1\r\n",
    b"*2\r\n$4\r\nabcd\r\n:7\r\n",
    b"+OK\r\n",
    b"$-7\r\n",
    b"*99999999\r\n",
)


def missing() -> str | None:
    """Say what is not installed, if anything."""
    return None if shutil.which(COMMAND) else f"no {COMMAND}: apt-get install redis-server"


class RedisProcess:
    """A server that keeps nothing on disk; as a context it is started and, at the end, killed."""

    def __init__(self) -> None:
        self.address = free_address()
        self._folder = TemporaryDirectory(prefix="midrank-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self._babbler: _Babbler | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where it is, as a policy says it."""
        return f"redis://{self.address.host}:{self.address.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = {"port": self.address.port, "bind": self.address.host, "save": "", "dir": self._folder.name}
        command = [COMMAND, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        with Path(self._folder.name, "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        give_up = time.monotonic() + START_TIMEOUT
        with self._client() as client:
            while True:
                try:
                    client.ping()
                except Unreachable:
                    if time.monotonic() > give_up:
                        raise
                    time.sleep(0.02)  # it tells nobody when it listens
                else:
                    return

    def kill(self) -> None:
        """End it at once, with all connections (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._babbler is not None:
            self._babbler.shutdown()
            self._babbler.server_close()
            self._babbler = None

    def restart(self) -> None:
        """Be there again, and empty, whatever was."""
        self.kill()
        self.start()

    def babble(self) -> None:
        """Be something else at the same port, that answers whatever it is told with garbage."""
        self.kill()
        self._babbler = _Babbler(self.address, _Babble)
        threading.Thread(target=self._babbler.serve_forever, name="babbler", daemon=True).start()

    def pause(self) -> None:
        """Stop it where it stands: connections stay open and nothing is answered (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def flush(self) -> None:
        """Delete everything."""
        with self._client() as client:
            client.flushall()

    def fill(self) -> None:
        """Let it be full: reads work, every write is refused (maxmemory, noeviction)."""
        with self._client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")

    def widen(self) -> None:
        """Let it take writes again."""
        with self._client() as client:
            client.config_set("maxmemory", "0")

    def scribble(self) -> int:
        """Write random bytes of the same length over every value; return over how many."""
        with self._client() as client:
            keys = [key for key in client.scan_iter(count=1000) if client.type(key) == b"string"]
            for key in keys:
                client.set(key, os.urandom(client.strlen(key)), keepttl=True)
        return len(keys)

    def _client(self) -> Redis:
        return Redis(*self.address, socket_timeout=START_TIMEOUT)

    def _signal(self, number: int) -> None:
        assert self._process is not None, "it runs"
        self._process.send_signal(number)


class _Babbler(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Babble(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        random = Random(0)
        try:
            while self.request.recv(65536):
                nonsense = (*BABBLE, random.randbytes(64))
                self.request.sendall(random.choice(nonsense) * random.randint(1, 60))
        except ConnectionError:
            pass
