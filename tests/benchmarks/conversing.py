"""midrank with the built-in model in front of the stand-in, for streams of conversations."""

from __future__ import annotations

import asyncio
import urllib.request
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from tests.benchmarks.client import Client
from tests.benchmarks.processes import wait_until_idle
from tests.benchmarks.questions import Ask
from tests.benchmarks.shared import KEPT
from tests.benchmarks.stage import NO_HURRY_MS
from tests.fakes.servers import midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.benchmarks.client import Answer
    from tests.fakes.servers import Address, Child

# Token matrices of the documents: encoded in the first run ever, read in all others.
MATRICES = KEPT / "conversations-matrices.bin"
OFF: Mapping[str, object] = {"exact": False}
BUILT_IN: Mapping[str, object] = {"kind": "late_interaction", "file": str(MATRICES)}


@contextmanager
def conversing(
    store: Address,
    rule: Mapping[str, object],
    *,
    model: Mapping[str, object] = BUILT_IN,
    budget_ms: float = NO_HURRY_MS,
    **policy: Any,
) -> Iterator[Child]:
    """Run midrank with what its one rule says about caches; the built-in model knows the documents."""
    rules = [{"budget_ms": budget_ms, "cache": rule}]
    with midrank_server("chroma", store, models={"default": model}, rules=rules, **policy) as midrank:
        yield midrank


def learn_documents(store: Address, asks: Sequence[Ask]) -> None:
    """Have all documents of the searches encoded, if that has never been done."""
    if MATRICES.exists():
        return
    print("encoding the documents, once", flush=True)
    widest = list({ask.question.text: Ask(ask.question, 10) for ask in asks}.values())
    with conversing(store, OFF) as midrank:
        in_turn(midrank.address, widest)
        wait_until_idle(midrank.pid)


def in_turn(address: Address, asks: Iterable[Ask]) -> list[Answer]:
    """Search one after the other, each to its end.

    Raises:
        AssertionError: some search failed.
    """

    async def all_of_them() -> list[Answer]:
        client = Client(address)
        answers = [await client.ask(ask, perf_counter(), give_up=60) for ask in asks]
        client.close()
        return answers

    answers = uvloop.run(all_of_them())
    odd = [answer for answer in answers if answer.error]
    if odd:
        raise AssertionError(f"{len(odd)} of {len(answers)} searches failed, such as {odd[0]}")
    return answers


def at_once(address: Address, ask: Ask, count: int) -> list[Answer]:
    """Make the same search so many times at the same moment."""

    async def all_of_them() -> list[Answer]:
        client = Client(address)
        due = perf_counter()
        answers = await asyncio.gather(*(client.ask(ask, due, give_up=60) for _ in range(count)))
        client.close()
        return list(answers)

    return uvloop.run(all_of_them())


def told(midrank: Child) -> dict[str, float]:
    """Return the figures of the caches, those of a group as `group.name`."""
    assert midrank.admin is not None, "it is a midrank"
    with urllib.request.urlopen(f"{midrank.admin.url}/cache") as answer:
        figures: dict[str, Any] = orjson.loads(answer.read())
    return {
        f"{group}.{name}": value
        for group, inside in figures.items()
        if isinstance(inside, dict)
        for name, value in inside.items()
    }


def clear(midrank: Child) -> None:
    """Clear the caches, as an operator would."""
    assert midrank.admin is not None, "it is a midrank"
    urllib.request.urlopen(urllib.request.Request(f"{midrank.admin.url}/cache", method="DELETE")).close()
