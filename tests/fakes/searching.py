"""Applications that search all the time, over connections that they keep open, and notice everything."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import orjson

from tests.fakes.fixed_store import QUERY_PATH
from tests.fakes.marked_rows import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.servers import Address

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Searching:
    """What came of all searches: pages by their ids, failures by what went wrong, and how long it took."""

    pages: Counter[tuple[str, ...]] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[tuple[float, float]] = field(default_factory=list)  # when it began, and what it took
    connections: int = 0
    asked_to_leave: int = 0
    stop: bool = False

    async def run(self, address: Address, at_once: int) -> None:
        """Search with so many connections until told to stop."""
        async with asyncio.TaskGroup() as group:
            for number in range(at_once):
                group.create_task(self._app(address, number))

    def quantile(self, share: float, since: float = 0.0, until: float = float("inf")) -> float:
        """Return what the given share of the searches took at most, of those begun in a period."""
        took = sorted(seconds for begun, seconds in self.seconds if since <= begun < until)
        return took[min(int(share * len(took)), len(took) - 1)]

    def unlike(self, pages: Sequence[list[str]]) -> Counter[tuple[str, ...]]:
        """Return the pages that are none of these."""
        known = {tuple(one) for one in pages}
        return Counter({one: times for one, times in self.pages.items() if one not in known})

    async def _app(self, address: Address, number: int) -> None:
        body = search()
        head = (
            f"POST {QUERY_PATH} HTTP/1.1\r\nhost: {address.host}:{address.port}\r\n"
            f"x-midrank-query: words{number}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        request = head.encode() + body
        link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.stop:
            begun = perf_counter()
            try:
                async with asyncio.timeout(30):
                    if link is None:
                        link = await asyncio.open_connection(*address)
                        self.connections += 1
                    stays = await self._search(link, request)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                self.failures[type(error).__name__] += 1
                stays = False
                await asyncio.sleep(0.01)
            self.seconds.append((begun, perf_counter() - begun))
            if link is not None and not stays:
                link[1].close()
                link = None
        if link is not None:
            link[1].close()

    async def _search(self, link: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> bool:
        """Search once; return whether the connection may be used again."""
        reader, writer = link
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None:
            raise ValueError("no length")
        answer = await reader.readexactly(int(length[1]))
        if not head.startswith(b"HTTP/1.1 200"):
            self.failures[head[9:12].decode()] += 1
        else:
            self.pages[tuple(orjson.loads(answer)["ids"][0])] += 1
        leave = _CLOSE.search(head) is not None
        self.asked_to_leave += leave
        return not leave
