"""One question, asked over HTTP of a store, or of the midrank in front of it."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import aiohttp
from yarl import URL

from proxy.evaluation.doors import NOT_AN_ANSWER, Nameless
from proxy.evaluation.results import FAILED
from proxy.model import Reason
from proxy.plan import BUDGET_HEADER
from proxy.recovery import MAX_CHARACTERS, QUERY_HEADER
from proxy.scopes import CACHE_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from multidict import CIMultiDictProxy

    from proxy.evaluation.doors import Door

# Seconds for an answer: nobody waits longer, and a store that is down says so sooner.
TIMEOUT = 60.0
# Milliseconds; where an event loop is so late that nothing is left of them, nothing is measured yet.
CALM_MS = 10
_DURATION = re.compile(r"midrank;dur=([0-9.]+), store;dur=([0-9.]+)")


class Reply(NamedTuple):
    """What came of a question: see `results.Asked`; `nameless` counts rows without their document's id."""

    ids: tuple[str, ...]
    total: float
    store: float
    added: float
    outcome: str = ""
    reason: str = ""
    scored: int = 0
    candidates: int = 0
    nameless: int = 0


def make_session() -> aiohttp.ClientSession:
    """Return what all askers share: as many connections as there are questions at once."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)


class Asker:
    """Asks a store at a URL, or the `midrank` in front of it; `headers` are sent with each question."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        door: Door,
        headers: Mapping[str, str],
        *,
        midrank: bool = False,
    ) -> None:
        self._midrank = midrank
        self._session = session
        self._url = URL(url.rstrip("/") + door.path, encoded=True)
        self._door = door
        self._headers = {"content-type": "application/json", **headers}

    async def ask(self, text: str, vector: Sequence[float], rows: int) -> Reply:
        """Ask for the `rows` nearest; a question that fails is told by the reply, and never raises."""
        # What midrank is told does not reach a store behind it, and may be more than that takes in a header.
        # It shall read, not remember: a pass over the same questions is to show what reading takes.
        told = {QUERY_HEADER: _encoded(text), CACHE_HEADER: "off"} if self._midrank else {}
        return await self._asked(vector, rows, told)

    async def is_calm(self, vector: Sequence[float]) -> bool:
        """Say whether midrank could do something in `CALM_MS`: right after its start it is late for a while.

        It is not told what the question is, so it reads and learns nothing.
        """
        reply = await self._asked(vector, 1, {BUDGET_HEADER: f"{CALM_MS}"})
        return reply.reason != Reason.NO_BUDGET

    async def _asked(self, vector: Sequence[float], rows: int, told: Mapping[str, str]) -> Reply:
        headers = {**self._headers, **told}
        body = self._door.question(vector, rows)
        started = time.perf_counter()
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                answer = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return _failed(time.perf_counter() - started, _kind(error))
        total = time.perf_counter() - started
        if response.status != 200:
            return _failed(total, f"status {response.status}")
        try:
            ids = self._door.ids(answer)
        except NOT_AN_ANSWER:
            return _failed(total, "not an answer of the store")
        nameless = sum(isinstance(one, Nameless) for one in ids)
        return _told(tuple(map(str, ids)), total, response.headers)._replace(nameless=nameless)


def _encoded(text: str) -> str:
    """Return what midrank reads of a text at most, so that it fits into a header in any script."""
    return quote(text.encode("utf-8", "replace")[:MAX_CHARACTERS].decode("utf-8", "ignore"))


def _told(ids: tuple[str, ...], total: float, headers: CIMultiDictProxy[str]) -> Reply:
    """Read what midrank says of an answer; where it says nothing, the store answered."""
    outcome = headers.get("x-midrank")
    if outcome is None:
        return Reply(ids, total, total, 0.0)
    timing = _DURATION.search(headers.get("server-timing", ""))
    added, store = (float(one) / 1000 for one in timing.groups()) if timing else (0.0, total)
    scored, _, candidates = headers.get("x-midrank-scored", "0/0").partition("/")
    reason = headers.get("x-midrank-reason", "")
    return Reply(ids, total, store, added, outcome, reason, int(scored), int(candidates))


def _failed(total: float, reason: str) -> Reply:
    return Reply((), total, 0.0, 0.0, FAILED, reason)


def _kind(error: Exception) -> str:
    return "timeout" if isinstance(error, asyncio.TimeoutError) else "no connection"
