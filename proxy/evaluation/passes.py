"""All questions, asked of every arm; and the wait until midrank has read what it had no time for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import orjson

from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.evaluation.asking import Asker, Reply

# Seconds for which midrank is waited for until it has read everything, and until it is calm.
SETTLING = 600.0
CALMING = 5.0
# Seconds between two looks at it.
_LOOK = 0.2


class Question(NamedTuple):
    """A query's text and its vector."""

    text: str
    vector: Sequence[float]


async def ask_all(
    askers: Sequence[Asker],
    questions: Sequence[Question],
    rows: int,
    *,
    concurrency: int = 1,
    advance: Callable[[int], None],
) -> list[list[Reply]]:
    """Ask every question of every asker; return a list for each asker, in the order of the questions.

    A question goes to one asker after the other, in turns from the first and from the last one on: so they
    see the same machine, and none profits from what another has warmed up. `concurrency` questions are under
    way at once, and `advance(1)` is called for each when it is through.
    """
    replies: list[list[Reply]] = [[] for _ in askers]
    slots = asyncio.Semaphore(concurrency)

    async def ask(place: int) -> dict[int, Reply]:
        text, vector = questions[place]
        order = range(len(askers)) if place % 2 == 0 else reversed(range(len(askers)))
        async with slots:
            answered = {which: await askers[which].ask(text, vector, rows) for which in order}
        advance(1)
        return answered

    tasks = Tasks()
    try:
        asked = [tasks.spawn(ask(place), "question") for place in range(len(questions))]
        for task in asked:
            answered = await task
            for which, reply in answered.items():
                replies[which].append(reply)
    finally:
        await tasks.close()
    return replies


async def settled(session: aiohttp.ClientSession, admins: Sequence[str]) -> None:
    """Wait until nothing waits to be read at any of these admin addresses, or for `SETTLING` seconds."""
    give_up = asyncio.get_running_loop().time() + SETTLING
    while any([await _waiting(session, admin) for admin in admins]):
        if asyncio.get_running_loop().time() > give_up:
            return
        await asyncio.sleep(_LOOK)


async def calmed(askers: Sequence[Asker], question: Question) -> None:
    """Wait until every midrank could answer within a few milliseconds, or for `CALMING` seconds.

    A program that has just started is late with everything, and would pass what comes for lack of time. Where
    a policy leaves no time at all, it is not calm ever.
    """
    give_up = asyncio.get_running_loop().time() + CALMING
    while not all([await asker.is_calm(question.vector) for asker in askers]):
        if asyncio.get_running_loop().time() > give_up:
            return
        await asyncio.sleep(_LOOK)


async def _waiting(session: aiohttp.ClientSession, admin: str) -> int:
    """Return how many texts wait to be read; 0 where nobody can tell."""
    try:
        async with session.get(f"{admin}/status") as response:
            told: dict[str, Any] = orjson.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return 0
    return sum(int(model["figures"].get("warm_up_waiting", 0)) for model in told["models"].values())
