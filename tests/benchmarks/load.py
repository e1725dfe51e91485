"""Load over HTTP: one request, sent again and again over a number of connections."""

from __future__ import annotations

import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.servers import Address

# What wrk prints when it is done: latencies in microseconds, then counts.
_SCRIPT = """
wrk.method = "POST"
local file = io.open("{body}", "rb"); wrk.body = file:read("*a"); file:close()
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", latency:percentile(50), latency:percentile(99),
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, where, and how: POST `body` to `target` over so many connections for some seconds."""

    target: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Latency:
    """What came of it; times in microseconds. Any answer but a 200 is an error."""

    p50: float
    p99: float
    requests: int
    errors: int


def run(address: Address, load: Load) -> Latency:
    """Put the load on a server, with wrk where it is installed and a plain client of our own elsewhere."""
    return _run_wrk(address, load) if shutil.which("wrk") else _run_sockets(address, load)


def client_name() -> str:
    """Return which client `run` uses."""
    return "wrk" if shutil.which("wrk") else "tests/benchmarks/load.py"


def _run_wrk(address: Address, load: Load) -> Latency:
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "post.lua")
        body.write_bytes(load.body)
        headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in load.headers)
        script.write_text(_SCRIPT.format(body=body, headers=headers))
        options = ["-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "-s", str(script)]
        command = ["wrk", *options, f"{address.url}{load.target}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    p50, p99, requests, errors = (int(word) for word in line.split()[1:])
    return Latency(p50, p99, requests, errors)


def _run_sockets(address: Address, load: Load) -> Latency:
    fields = "".join(f"{name}: {value}\r\n" for name, value in load.headers)
    fields += f"Host: {address.host}\r\nContent-Length: {len(load.body)}\r\n"
    asked = f"POST {load.target} HTTP/1.1\r\n{fields}\r\n".encode() + load.body
    times: list[float] = []
    errors = 0
    with selectors.DefaultSelector() as ready:
        for _ in range(load.connections):
            connection = socket.create_connection(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(connection, selectors.EVENT_READ, _Asking(connection, asked))
        end = time.perf_counter() + load.seconds
        while (now := time.perf_counter()) < end:
            for key, _ in ready.select(timeout=end - now):
                asking = key.data
                if (status := asking.read()) is not None:
                    times.append(time.perf_counter() - asking.since)
                    errors += status != 200
                    asking.ask()
        for key in tuple(ready.get_map().values()):
            key.data.connection.close()
    times.sort()
    return Latency(times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6, len(times), errors)


class _Asking:
    """One connection with one request under way."""

    def __init__(self, connection: socket.socket, asked: bytes) -> None:
        self.connection = connection
        self._asked = asked
        self.ask()

    def ask(self) -> None:
        self.since = time.perf_counter()
        self._received = b""
        self._size = 0
        self.connection.sendall(self._asked)

    def read(self) -> int | None:
        """Take what is there; return the status once the answer is whole."""
        if not (data := self.connection.recv(1 << 16)):
            raise ConnectionError("closed by the server")
        self._received += data
        if not self._size and (head := self._received.find(b"\r\n\r\n")) >= 0:
            lengths = [
                line for line in self._received[:head].lower().split(b"\r\n") if b"content-length" in line
            ]
            self._size = head + 4 + int(lengths[0].split(b":")[1])
        return int(self._received[9:12]) if 0 < self._size <= len(self._received) else None
