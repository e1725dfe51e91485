"""What every load test stands on: the store's stand-in, and what a server does when it has all the time."""

from __future__ import annotations

import hashlib
import statistics
import sys
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import orjson
import uvloop

from proxy.scoring.prepared_model import prepare
from tests.benchmarks.client import ask_each, closed_loop
from tests.benchmarks.judged import exists
from tests.benchmarks.questions import Ask
from tests.benchmarks.shared import CROSS_ENCODER, DATA, KEPT, NO_CACHE
from tests.fakes.servers import child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.benchmarks.questions import Questions
    from tests.fakes.servers import Address

STORE_MS = 2  # that the stand-in takes for an answer, before its timer rounds them up
NO_HURRY_MS = 60_000  # the longest budget that a policy may have
FULL_ROWS = 50  # as many as the default policy reranks at most
AT_ONCE = 8  # searches under way when capacity is measured: enough to keep all cores busy


def missing(collection: str) -> str | None:
    """Say what is not there to measure with, if anything."""
    if not exists(collection):
        return f"no {collection} in {DATA}"
    return None if CROSS_ENCODER.is_dir() else f"no model in {CROSS_ENCODER}"


@contextmanager
def ranked_store(rows: Path) -> Iterator[Address]:
    """Run the stand-in over the rows of a file, as `questions.py` describes it."""
    address = free_address()
    command = [sys.executable, "-m", "tests.benchmarks.ranked_store", "--port", str(address.port)]
    command += ["--rows", str(rows), "--delay-ms", str(STORE_MS)]
    with child(command, address.url):
        yield address


def cross_encoder() -> Mapping[str, object]:
    """Return the test model's part of a policy; all but the model itself is default."""
    return {"kind": "cross_encoder_onnx", "model": str(CROSS_ENCODER)}


def store_time(store: Address, questions: Questions) -> float:
    """Return the median seconds of a page straight from the store: what is more than that, a proxy adds."""
    asks = list(islice(questions.asks(seed=0), 200))
    answers = uvloop.run(ask_each(store, asks, at_once=1))
    if any(answer.ids != answer.ask.store_page for answer in answers):
        raise AssertionError("the stand-in answers something else than its rows")
    return statistics.median(answer.latency for answer in answers)


def capacity(address: Address, questions: Questions, seconds: float) -> float:
    """Return how many searches per second a server reranks in full, under a budget that never ends.

    Raises:
        AssertionError: some search was not reranked in full.
    """
    answers, rate = uvloop.run(closed_loop(address, questions.asks(seed=1), at_once=AT_ONCE, seconds=seconds))
    odd = [answer for answer in answers if answer.outcome != "reranked"]
    if odd:
        raise AssertionError(f"{len(odd)} of {len(answers)} searches were not reranked, such as {odd[0]}")
    return rate


def full_orders(store: Address, questions: Questions) -> list[list[str]]:
    """Return the first rows of every question as the cross-encoder orders them; kept while it is the same."""
    identity = f"{questions.file.read_bytes()!r}{prepare(str(CROSS_ENCODER), precision='int8').identity}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    file = KEPT / f"{questions.collection}-reranked-{digest}.json"
    if not file.exists():
        print(f"reranking {FULL_ROWS} rows of each of {len(questions.all)} questions, once", flush=True)
        rules = [{"budget_ms": NO_HURRY_MS}]
        models = {"default": cross_encoder()}
        asks = [Ask(question, FULL_ROWS) for question in questions.all]
        with midrank_server("chroma", store, models=models, rules=rules, cache=NO_CACHE) as midrank:
            answers = uvloop.run(ask_each(midrank.address, asks, at_once=4))
        odd = [answer for answer in answers if (answer.outcome, answer.scored) != ("reranked", FULL_ROWS)]
        if odd:
            raise AssertionError(f"{len(odd)} of {len(asks)} searches were not reranked, such as {odd[0]}")
        file.write_bytes(orjson.dumps([answer.ids for answer in answers]))
    orders: list[list[str]] = orjson.loads(file.read_bytes())
    return orders
