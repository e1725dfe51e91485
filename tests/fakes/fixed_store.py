"""A store that answers every query with the same page, as fast as Python can: the far end of load tests.

    python -m tests.fakes.fixed_store --port 9100

Speaks just enough of Chroma's HTTP API to be asked through midrank.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from typing import Any

import orjson
import uvloop

COLLECTION = "6f7f9ad6-2d2e-4c66-9f5c-0d6c1a2b3c4d"
COLLECTIONS_PATH = "/api/v2/tenants/default_tenant/databases/default_database/collections"
QUERY_PATH = f"{COLLECTIONS_PATH}/{COLLECTION}/query"
ROWS = 20

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ (\S+)")


def query() -> bytes:
    """Return a query of some 8 KB: one vector of 768 numbers."""
    vector = [round((index * 7919 % 2000 - 1000) / 1000.7, 7) for index in range(768)]
    include = ["metadatas", "documents", "distances"]
    return orjson.dumps({"query_embeddings": [vector], "n_results": ROWS, "include": include})


def page() -> bytes:
    """Return an answer of some 20 KB."""
    rows = range(ROWS)
    return orjson.dumps(
        {
            "ids": [[f"row-{row}" for row in rows]],
            "distances": [[row / 1000 for row in rows]],
            "documents": [[f"Passage {row} " + "is made of ordinary words. " * 36 for row in rows]],
            "metadatas": [[{"row": row, "source": f"shelf/{row:04}.txt"} for row in rows]],
            "embeddings": None,
            "uris": None,
            "include": ["metadatas", "documents", "distances"],
        }
    )


class FixedStore(asyncio.Protocol):
    """One connection; requests need a Content-Length or no body."""

    def __init__(self) -> None:
        names = orjson.dumps([{"id": COLLECTION, "name": "load"}])
        self._answers = {QUERY_PATH.encode(): _answer(page()), COLLECTIONS_PATH.encode(): _answer(names)}
        self._other = _answer(b"{}")
        self._received = b""
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # uvloop's is no asyncio.Transport, but does as one

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n") + 4) > 3:
            head = self._received[:end]
            length = _LENGTH.search(head)
            end += int(length[1]) if length else 0
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            target = _TARGET.match(head)
            assert target is not None
            self._transport.write(self._answers.get(target[1], self._other))


def _answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


async def serve(port: int) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(FixedStore, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="serve one page to everyone")
    options.add_argument("--port", type=int, required=True)
    uvloop.run(serve(options.parse_args().port))
