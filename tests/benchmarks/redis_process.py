"""A real Redis to do harm to: beside what happens to it in tests, it is scribbled over, and babbles."""

from __future__ import annotations

import os
import socketserver
import threading
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from redis import Redis

from tests.fakes.redis_server import BINARY, HOST, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    return None if BINARY else "no redis-server: apt-get install redis-server"


@contextmanager
def redis_process() -> Iterator[RedisProcess]:
    """Run a server, and end it whatever has been done to it."""
    with TemporaryDirectory(prefix="midrank-redis-") as folder:
        server = RedisProcess(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()


class RedisProcess(RedisServer):
    """A server that keeps nothing on disk; it has its port for good."""

    _babbler: _Babbler | None = None

    def kill(self) -> None:
        """End it at once, with all its data."""
        super().kill()
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
        self._babbler = _Babbler((HOST, self.port), _Babble)
        threading.Thread(target=self._babbler.serve_forever, name="babbler", daemon=True).start()

    def flush(self) -> None:
        """Delete everything."""
        self.tell("FLUSHALL")

    def fill(self) -> None:
        """Be full: reads work, every write is refused."""
        self.tell("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.tell("CONFIG", "SET", "maxmemory", 1)

    def widen(self) -> None:
        """Take writes again."""
        self.tell("CONFIG", "SET", "maxmemory", 0)

    def scribble(self) -> None:
        """Have random bytes of the same length in the place of every value."""
        with Redis(HOST, self.port) as client:
            for key in client.scan_iter(count=1000, _type="string"):
                client.set(key, os.urandom(client.strlen(key)), keepttl=True)


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
