"""Servers that are no Redis, or only nearly one. They run in threads: the event loop is the cache's alone."""

from __future__ import annotations

import socketserver
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

HOST = "127.0.0.1"


@contextmanager
def nonsense_server(answer: bytes):
    """Answer whatever is asked with the same bytes; gives the URL."""

    def talk(reader: BinaryIO, write: Callable[[bytes], None]) -> None:
        while reader.read1(65536):
            write(answer)

    with _talking(talk) as url:
        yield url


@contextmanager
def odd_server(odd: Mapping[bytes, bytes]):
    """Answer the commands that are named like that, and all others as an empty Redis would; gives the URL."""
    values: dict[bytes, bytes] = {}

    def answer(name: bytes, arguments: list[bytes]) -> bytes:
        if name == b"SET":
            values.setdefault(arguments[0], arguments[1])
        if name in odd:
            return odd[name]
        match name:
            case b"GETRANGE":
                value = values.get(arguments[0], b"")
                return b"$%d\r\n%b\r\n" % (len(value), value)
            case b"MGET":
                return b"*%d\r\n" % len(arguments) + b"$-1\r\n" * len(arguments)
            case b"XRANGE" | b"XREVRANGE":
                return b"*0\r\n"
            case b"PTTL":
                return b":-2\r\n"
        return b"+OK\r\n"

    def talk(reader: BinaryIO, write: Callable[[bytes], None]) -> None:
        while head := reader.readline():
            command = []
            for _ in range(int(head[1:])):
                length = int(reader.readline()[1:])
                command.append(reader.read(length + 2)[:-2])
            write(answer(command[0].upper(), command[1:]))

    with _talking(talk) as url:
        yield url


@contextmanager
def _talking(talk: Callable[[BinaryIO, Callable[[bytes], None]], None]):
    """Have conversations, each in its own thread; gives the URL."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError, ValueError, IndexError):  # the other side has gone away
                talk(self.rfile, self.wfile.write)

    with socketserver.ThreadingTCPServer((HOST, 0), Conversation) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"redis://{HOST}:{server.server_address[1]}"
        server.shutdown()
