"""An app that searches over HTTP; in an open loop, whatever became of its last search.

Latency counts from the moment at which a search was due, so that a server that stands still is charged for
every search that it kept waiting, not only for those that were sent. ("Coordinated omission": G. Tene, "How
NOT to Measure Latency", 2015.)
"""

from __future__ import annotations

import asyncio
import gc
import re
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import orjson

from tests.fakes.fixed_store import QUERY_PATH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.benchmarks.questions import Ask
    from tests.fakes.servers import Address

# An app has long given up by then. Bounds what a server that collapses can keep of us.
GIVE_UP = 10.0  # seconds
MOST_AT_ONCE = 1024
_HEADER = re.compile(r"\r\n([^:\r\n]+): *([^\r\n]*)")
_ADDED = re.compile(r"midrank;dur=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one search. Without an `error` it is a page of ids, which may still be the wrong ones.

    `latency` counts in seconds from when it was due, the `lag` until this client sent it included; `added` is
    what midrank itself says that it took. `cached` of the `scored` candidates needed no model; with `near`
    all were scored as another query, of that cosine to this one.
    """

    ask: Ask
    latency: float = 0.0
    lag: float = 0.0
    ids: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""
    scored: int = 0
    cached: int = 0
    near: float = 0.0
    added: float = 0.0
    error: str = ""


class Client:
    """Connections to one server, kept open while they work."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._under_way = 0

    async def ask(self, ask: Ask, due: float, *, give_up: float = GIVE_UP) -> Answer:
        """Search once; `due` is in `perf_counter` seconds. Nothing is raised: failures are answers too."""
        if self._under_way >= MOST_AT_ONCE:
            return Answer(ask, latency=give_up, error="not sent, too many wait")
        self._under_way += 1
        lag = perf_counter() - due
        try:
            async with asyncio.timeout(give_up), self._connection() as (reader, writer):
                writer.write(_request(ask))
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {name.lower(): value for name, value in _HEADER.findall(head)}
                body = await reader.readexactly(int(headers["content-length"]))
            answer = _answer(ask, head.split(" ", 2)[1], headers, body)
        except (OSError, EOFError, LookupError, ValueError, TypeError) as error:
            answer = Answer(ask, error=type(error).__name__)
        finally:
            self._under_way -= 1
        return replace(answer, latency=perf_counter() - due, lag=lag)

    def close(self) -> None:
        """Close the connections; no search may be under way."""
        for _, writer in self._free:
            writer.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        pair = self._free.pop() if self._free else await asyncio.open_connection(*self._address)
        try:
            yield pair
        except BaseException:
            pair[1].close()  # the answer may still come, and would be taken for the next one's
            raise
        self._free.append(pair)


async def open_loop(
    address: Address, asks: Iterator[Ask], *, rate: float, seconds: float, seed: int
) -> list[Answer]:
    """Search `rate` times a second on average, at random moments (Poisson); wait for the last answers."""
    random = np.random.default_rng(seed)
    moments = np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))
    client = Client(address)
    with _no_garbage_collection():
        start = perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for moment, ask in zip(moments, asks, strict=False):
                due = start + float(moment)
                if (wait := due - perf_counter()) > 0:
                    await asyncio.sleep(wait)
                tasks.append(group.create_task(client.ask(ask, due)))
    client.close()
    return [task.result() for task in tasks]


async def closed_loop(
    address: Address, asks: Iterator[Ask], *, at_once: int, seconds: float
) -> tuple[list[Answer], float]:
    """Keep so many searches under way for a while; return the answers, and how many came per second."""
    client = Client(address)
    answers: list[Answer] = []
    start = perf_counter()
    end = start + seconds

    async def one_after_the_other() -> None:
        while (now := perf_counter()) < end:
            answers.append(await client.ask(next(asks), now, give_up=seconds + 60))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_the_other())
    client.close()
    # Up to the last answer: a server that works on all searches at once has none until then.
    return answers, len(answers) / (perf_counter() - start)


async def ask_each(address: Address, asks: list[Ask], *, at_once: int) -> list[Answer]:
    """Ask every search once, however long it takes; return the answers in the same order."""
    client, some = Client(address), asyncio.Semaphore(at_once)

    async def one(ask: Ask) -> Answer:
        async with some:
            return await client.ask(ask, perf_counter(), give_up=60)

    answers = await asyncio.gather(*(one(ask) for ask in asks))
    client.close()
    return answers


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A pause of ours would count as the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _request(ask: Ask) -> bytes:
    body = ask.question.body(ask.limit)
    name, text = ask.question.header
    head = f"POST {QUERY_PATH} HTTP/1.1\r\nHost: store\r\nContent-Type: application/json\r\n"
    return f"{head}{name}: {text}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _answer(ask: Ask, status: str, headers: dict[str, str], body: bytes) -> Answer:
    if status != "200":
        return Answer(ask, error=f"status {status}")
    added = _ADDED.search(headers.get("server-timing", ""))
    return Answer(
        ask,
        ids=tuple(orjson.loads(body)["ids"][0]),
        outcome=headers.get("x-midrank", "unmarked"),
        reason=headers.get("x-midrank-reason", ""),
        scored=int(headers.get("x-midrank-scored", "0").partition("/")[0]),
        cached=int(headers.get("x-midrank-cached", "0").partition("/")[0]),
        near=float(headers.get("x-midrank-near", "0")),
        added=float(added[1]) / 1000 if added else 0.0,
    )
