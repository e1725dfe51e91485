"""A rerank API on a real socket: it speaks any of the dialects, checks what it is asked, and fails on demand.

What a text scores stands in the text: `passage 3: 0.25` scores 0.25. Of a request everything is checked that
the API's own documentation says about it; what is wrong is answered with 422, and kept in `complaints`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import orjson

from tests.fakes.raw_http import Message, read_message

KEY = "sk-test-0123456789"


class Row(NamedTuple):
    """A text, where it stood in the request, and what it scores."""

    index: int
    score: float
    text: str


class Shape(NamedTuple):
    """What requests and answers of an API look like.

    `top` is the name under which the number of wanted rows is given; `rows` that of the rows, None for a bare
    array; `echo` that of a text which is sent back, if it can be. `fields` may be given too.
    """

    path: str
    texts: str = "documents"
    top: str | None = "top_n"
    rows: str | None = "results"
    score: str = "relevance_score"
    echo: str | None = "document"
    fields: frozenset[str] = frozenset()
    named: bool = True
    objects: bool = False
    key_header: str = "authorization"
    key_prefix: str = "Bearer "


SHAPES = {
    "cohere_v1": Shape(
        "/v1/rerank", fields=frozenset(("return_documents", "max_chunks_per_doc", "rank_fields"))
    ),
    "cohere_v2": Shape("/v2/rerank", echo=None, fields=frozenset(("max_tokens_per_doc", "priority"))),
    "jina": Shape("/v1/rerank", fields=frozenset(("return_documents",))),
    "voyage": Shape(
        "/v1/rerank", top="top_k", rows="data", fields=frozenset(("return_documents", "truncation"))
    ),
    "mixedbread": Shape(
        "/v1/reranking",
        texts="input",
        top="top_k",
        rows="data",
        score="score",
        echo="input",
        fields=frozenset(("return_input", "rank_fields")),
    ),
    "pinecone": Shape(
        "/rerank",
        rows="data",
        score="score",
        fields=frozenset(("return_documents", "rank_fields", "parameters")),
        objects=True,
        key_header="api-key",
        key_prefix="",
    ),
    "tei": Shape(
        "/rerank",
        texts="texts",
        top=None,
        rows=None,
        score="score",
        echo="text",
        fields=frozenset(("raw_scores", "return_text", "truncate", "truncation_direction")),
        named=False,
    ),
    "vllm": Shape("/rerank", fields=frozenset(("truncate_prompt_tokens", "use_activation"))),
    "infinity": Shape("/rerank", fields=frozenset(("return_documents", "raw_scores"))),
    "localai": Shape("/v1/rerank"),
    "xinference": Shape("/v1/rerank", fields=frozenset(("return_documents", "return_len"))),
    "llama_cpp": Shape("/v1/rerank", echo=None),
}


@dataclass(frozen=True)
class Asked:
    """A request that was understood."""

    query: str
    texts: tuple[str, ...]
    message: Message
    path: str
    shape: Shape

    @property
    def rows(self) -> list[Row]:
        """The rows of an honest answer, best first."""
        rows = [Row(index, float(text.split()[-1]), text) for index, text in enumerate(self.texts)]
        return sorted(rows, key=lambda row: -row.score)

    def answer(self, rows: list[dict[str, Any]]) -> bytes:
        """Return a body that holds these rows."""
        return orjson.dumps(rows if self.shape.rows is None else {"id": "1", self.shape.rows: rows})

    def told(self) -> list[dict[str, Any]]:
        """Return the rows of an honest answer as the API writes them."""
        return [{"index": row.index, self.shape.score: row.score} for row in self.rows]


class Exchange(NamedTuple):
    """A request that was understood, and where its answer goes."""

    asked: Asked
    writer: asyncio.StreamWriter

    def send(self, body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> None:
        """Write a whole answer; its length may be told wrong."""
        lines = [
            f"HTTP/1.1 {status}",
            "content-type: application/json",
            f"content-length: {len(body) if length is None else length}",
            *headers,
        ]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


# What happens to a request; the connection stays open for the next one unless it was closed.
Behaviour = Callable[[Exchange], Awaitable[None]]


async def honest(exchange: Exchange) -> None:
    """Answer as the API does."""
    exchange.send(exchange.asked.answer(exchange.asked.told()))


@dataclass
class RerankServer:
    """One API. What it does is changed by setting `behaviour`; all it was asked is in `asked`."""

    dialect: str
    behaviour: Behaviour = honest
    key: str | None = None
    most: int = 1000
    asked: list[Asked] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    under_way: int = 0
    most_at_once: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    @property
    def url(self) -> str:
        """The base URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            while not writer.is_closing():
                await self._exchange(await read_message(reader), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _exchange(self, message: Message, writer: asyncio.StreamWriter) -> None:
        asked = read(message, SHAPES[self.dialect], self.key, self.most)
        if isinstance(asked, str):
            self.complaints.append(asked)
            body = b'{"detail": "refused"}'
            writer.write(b"HTTP/1.1 422 no\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            return
        self.asked.append(asked)
        self.reached.set()
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await self.behaviour(Exchange(asked, writer))
        finally:
            self.under_way -= 1


def read(message: Message, shape: Shape, key: str | None, most: int) -> Asked | str:
    """Return what a request asks, or what is wrong with it."""
    method, path, _ = message.start.decode().split(" ")
    headers = {name.decode().lower(): value.decode() for name, value in message.headers}
    if (method, path) != ("POST", shape.path):
        return f"{method} {path}"
    if headers.get("content-type") != "application/json":
        return "content type"
    if key is not None and headers.get(shape.key_header) != shape.key_prefix + key:
        return "key"
    if shape.key_header == "api-key" and "x-pinecone-api-version" not in headers:
        return "version"
    body = orjson.loads(message.body)
    needed = {"query", shape.texts} | ({"model"} if shape.named else set())
    known = needed | shape.fields | ({shape.top} if shape.top else set())
    if not needed <= set(body) <= known:
        return f"fields {sorted(set(body) ^ needed)}"
    texts = body[shape.texts]
    if shape.objects:
        texts = [text["text"] for text in texts]
    if not 1 <= len(texts) <= most or not all(isinstance(text, str) and text for text in texts):
        return "texts"
    if shape.top is not None and body.get(shape.top, len(texts)) != len(texts):
        return "top"
    # The default of some would send every text back.
    if "return_documents" in shape.fields and body.get("return_documents") is not False:
        return "asks for its own texts"
    if "truncate_prompt_tokens" in shape.fields and body.get("truncate_prompt_tokens") != -1:
        return "fails on long texts"
    return Asked(body["query"], tuple(texts), message, path, shape)
