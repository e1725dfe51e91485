"""A store and its reranker, in one process, whose pages tell under which policy they were made.

    python -m tests.fakes.marked_rows --port 9100 --name one

A search gets as many rows as it asks for, `one-0`, `one-1` and so on, over Chroma's HTTP API. The rerank API
(dialect tei) puts the last row first at `/last`, and at `/middle` the rows around the tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from typing import Any

import orjson
import uvloop

from tests.fakes.fixed_store import COLLECTION, COLLECTIONS_PATH, QUERY_PATH

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ (\S+)")
_MIDDLE = 10


def search(limit: int = 5) -> bytes:
    """Return a query for so many rows."""
    include = ["documents", "distances"]
    return orjson.dumps({"query_embeddings": [[0.5] * 8], "n_results": limit, "include": include})


def page(name: str, window: int, order: str, limit: int = 5) -> list[str]:
    """Return the ids of a page that was made of so many rows in an order: `store`, `last` or `middle`."""
    rows = sorted(range(window), key=lambda row: 0 if order == "store" else -_score(order, row))
    return [f"{name}-{row}" for row in rows[:limit]]


def _score(order: str, row: int) -> float:
    return row if order == "last" else -abs(row - _MIDDLE - 0.1)


class MarkedRows(asyncio.Protocol):
    """One connection; requests need a Content-Length or no body."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._received = b""
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (body_at := self._received.find(b"\r\n\r\n") + 4) > 3:
            head = self._received[:body_at]
            length = _LENGTH.search(head)
            end = body_at + (int(length[1]) if length else 0)
            if len(self._received) < end:
                return
            body, self._received = self._received[body_at:end], self._received[end:]
            target = _TARGET.match(head)
            assert target is not None
            answer = orjson.dumps(self._answer(target[1].decode(), body))
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )

    def _answer(self, target: str, body: bytes) -> Any:
        if target == QUERY_PATH:
            rows = range(orjson.loads(body)["n_results"])
            return {
                "ids": [[f"{self._name}-{row}" for row in rows]],
                "distances": [[row / 1000 for row in rows]],
                "documents": [[f"passage {row}" for row in rows]],
                "metadatas": None,
                "embeddings": None,
                "uris": None,
                "include": ["documents", "distances"],
            }
        if target.endswith("/rerank"):
            order = target.split("/")[1]
            texts = orjson.loads(body)["texts"]
            scores = [_score(order, int(text.split()[-1])) if text[-1:].isdigit() else 0.0 for text in texts]
            return [{"index": index, "score": score} for index, score in enumerate(scores)]
        if target == COLLECTIONS_PATH:
            return [{"id": COLLECTION, "name": "marked"}]
        return {}


async def serve(port: int, name: str) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(lambda: MarkedRows(name), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="serve rows that tell where they come from")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--name", required=True)
    uvloop.run(serve(**vars(options.parse_args())))
