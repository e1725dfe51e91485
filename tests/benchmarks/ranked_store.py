"""A store that knows its answers: far end of the load tests, after a fixed time and at next to no cost.

    python -m tests.benchmarks.ranked_store --port 9100 --rows .bench/squad-dev-ranked-200.json --delay-ms 2

Speaks as much of Chroma's HTTP API as midrank asks for. The first number of a query's vector tells its
ranking in the file that `questions.py` writes, or `conversations.py`: it is the place there, unless the file
lists the `numbers` of its rankings. Answers are joined from pieces that were encoded once.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import uvloop

from tests.fakes.fixed_store import COLLECTION, COLLECTIONS_PATH, QUERY_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NAMES = orjson.dumps([{"id": COLLECTION, "name": "load"}])


class Rows(NamedTuple):
    """The rows of one ranking, best first, as JSON."""

    ids: list[bytes]
    documents: list[bytes]
    distances: list[bytes]

    def page(self, count: int) -> bytes:
        """Return the answer that holds the first rows."""
        ids, documents, distances = (b",".join(column[:count]) for column in self)
        return (
            b'{"ids":[[%b]],"documents":[[%b]],"distances":[[%b]],"metadatas":null,"embeddings":null,'
            b'"uris":null,"include":["documents","distances"]}' % (ids, documents, distances)
        )


def read(file: Path) -> dict[float, Rows]:
    """Read and encode all rankings, by the first numbers of their queries' vectors."""
    kept = orjson.loads(file.read_bytes())
    documents = {one: orjson.dumps(text) for one, text in kept["documents"].items()}
    rankings = [
        Rows(
            [orjson.dumps(one) for one in ids], [documents[one] for one in ids], [b"%f" % one for one in far]
        )
        for ids, far in kept["rankings"]
    ]
    return dict(zip(kept.get("numbers", range(len(rankings))), rankings, strict=True))


class RankedStore(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, rankings: Mapping[float, Rows], delay: float) -> None:
        self._rankings = rankings
        self._delay = delay
        self._received = b""
        self._transport: Any  # uvloop's is no asyncio.Transport, but does as one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        start = self._received.find(b"\r\n\r\n") + 4
        if start < 4:
            return
        head = self._received[:start]
        length = _LENGTH.search(head)
        end = start + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        body, self._received = self._received[start:end], self._received[end:]
        assert not self._received, "pipelining is not spoken here"
        method, target, _ = head.split(b" ", 2)
        if target == QUERY_PATH.encode():
            asked = orjson.loads(body)
            found = self._rankings[asked["query_embeddings"][0][0]].page(asked["n_results"])
            asyncio.get_running_loop().call_later(self._delay, self._answer, b"200 OK", found)
        elif method == b"GET":
            self._answer(b"200 OK", _NAMES if target.startswith(COLLECTIONS_PATH.encode()) else b"{}")
        else:
            self._answer(b"404 Not Found", b"{}")

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head % (status, len(body)) + body)


async def serve(port: int, rankings: Mapping[float, Rows], delay: float) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(
        lambda: RankedStore(rankings, delay), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="serve rankings that are known")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--delay-ms", type=float, default=2)
    options = parser.parse_args()
    uvloop.run(serve(options.port, read(options.rows), options.delay_ms / 1000))
