"""What rerank APIs that fail cost the searches: nothing but the reranking.

    python -m tests.benchmarks.remote_faults --json .bench/remote_faults.json

For every dialect a real midrank, with one `remote` model, the default budget and no cache, stands between a
client and a store; the API is a fake on a real socket (`tests/fakes/rerank_server.py`) that behaves well
first, then in thirteen ways that it should not. Breakers are off, so that every search meets the fault. A
page must be the one that full reranking gives, or else the store's own. With default settings it takes
about 2 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
import uvloop

from proxy.policy import Candidates, Rule
from proxy.scoring.remote.dialects import DIALECTS
from tests.benchmarks import results, stage
from tests.benchmarks.client import ask_each
from tests.benchmarks.questions import Ask, Question
from tests.benchmarks.shared import KEPT, NO_CACHE
from tests.benchmarks.tally import GRACE, Quantiles, Terms, fault, quantiles
from tests.fakes.raw_http import RawStore
from tests.fakes.rerank_faults import BAD, GOOD, redirect, status
from tests.fakes.rerank_server import RerankServer, honest
from tests.fakes.servers import midrank_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.client import Answer
    from tests.fakes.rerank_server import Behaviour
    from tests.fakes.servers import Address

QUESTIONS, ROWS, LIMIT = 50, 60, 10
AT_ONCE = 4  # searches under way
HEALED_WITHIN = 20.0  # seconds; a pause that the API asked for ends before that
GOOD_ONES = ("worst first", "with texts as objects")
BAD_ONES = (
    "duplicate index",
    "a row too few",
    "NaN as score",
    "an error as success",
    "truncated JSON",
    "slow drip",
    "no answer at all",
    "429",
    "503 with JSON",
    "connection reset",
    "oversized",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One dialect under one fault.

    `failed` counts searches without a good page, by what was wrong with it; `added` is what the client waited
    beyond the store's own time, `says` what midrank's header says; `calls` are the requests that the API got.
    """

    dialect: str
    fault: str
    searches: int
    failed: Mapping[str, int]
    outcomes: Mapping[str, int]
    added: Quantiles
    says: Quantiles
    calls: int


class Stand(NamedTuple):
    """What all dialects are measured with: the store, its searches, and what answers are held against."""

    store: Address
    asks: Sequence[Ask]
    reranked: Mapping[int, tuple[str, ...]]
    terms: Terms

    def fault(self, answer: Answer) -> str:
        """Say what is wrong with an answer, if anything."""
        if answer.outcome == "reranked" and answer.ids != self.reranked[answer.ask.question.number]:
            return "not the reranked order"
        return answer.error or fault(answer, self.terms)


def main() -> int:
    """Run, print a table, write the figures; fails if any search did."""
    options = _options()
    budget = Rule().budget_ms / 1000
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        file, asks, reranked = _questions(Path(folder), options.searches)
        with stage.ranked_store(file) as store:
            straight = uvloop.run(ask_each(store, asks * 4, at_once=AT_ONCE))
            store_time = statistics.median(answer.latency for answer in straight)
            stand = Stand(store, asks, reranked, Terms(budget, store_time, Candidates().window))
            for dialect in options.dialects:
                rows += uvloop.run(measure(dialect, stand))
                print_rows(rows[-len(BAD_ONES) - len(GOOD_ONES) - 3 :], budget)
    failed = sum(sum(row.failed.values()) for row in rows)
    late = [row for row in rows if row.added.p99 / 1000 > budget + GRACE]
    searches = sum(row.searches for row in rows)
    print(f"\n{searches} searches, {failed} failed; p99 is above the budget in {len(late)} rows")
    results.write(options.json, {"budget_ms": budget * 1000, "store_ms": store_time * 1000, "rows": rows})
    return 1 if failed else 0


async def measure(dialect: str, stand: Stand) -> list[Row]:
    """Return the rows of one dialect."""
    async with AsyncExitStack() as stack:
        elsewhere = await stack.enter_async_context(RawStore())
        api = await stack.enter_async_context(RerankServer(dialect))
        model = {"kind": "remote", "dialect": dialect, "url": api.url, "model": "m"}
        serving = midrank_server(
            "chroma", stand.store, models={"default": model}, cache=NO_CACHE, breaker={"enabled": False}
        )
        midrank = await asyncio.to_thread(serving.__enter__)
        stack.push_async_callback(asyncio.to_thread, serving.__exit__, None, None, None)
        rows = []
        for name, behaviour in _behaviours(elsewhere.url).items():
            await _healed(api, midrank.address, stand)
            rows.append(await _under(name, behaviour, api, midrank.address, stand))
        if elsewhere.connections:
            raise AssertionError("a redirect was followed")
    return rows


def _behaviours(elsewhere: str) -> dict[str, Behaviour]:
    return {
        "none": honest,
        **{name: GOOD[name] for name in GOOD_ONES},
        **{name: BAD[name][0] for name in BAD_ONES},
        "429 with Retry-After": status("429 Too Many Requests", b"{}", "retry-after: 1"),
        "redirect": redirect(elsewhere),
    }


async def _healed(api: RerankServer, midrank: Address, stand: Stand) -> None:
    """Wait until searches are reranked again, as they are soon after whatever happened."""
    api.behaviour = honest
    give_up = perf_counter() + HEALED_WITHIN
    while perf_counter() < give_up:
        answers = await ask_each(midrank, list(stand.asks[:AT_ONCE]), at_once=AT_ONCE)
        if all(answer.outcome == "reranked" for answer in answers):
            return
    raise AssertionError(f"not reranked again, but {answers[0]}")


async def _under(name: str, behaviour: Behaviour, api: RerankServer, midrank: Address, stand: Stand) -> Row:
    api.behaviour = behaviour
    before = len(api.asked)
    answers = await ask_each(midrank, list(stand.asks), at_once=AT_ONCE)
    return Row(
        dialect=api.dialect,
        fault=name,
        searches=len(answers),
        failed=Counter(why for answer in answers if (why := stand.fault(answer))),
        outcomes=dict(Counter(_word(answer) for answer in answers).most_common()),
        added=quantiles([max(0.0, answer.latency - stand.terms.store_time) for answer in answers]),
        says=quantiles([answer.added for answer in answers]),
        calls=len(api.asked) - before,
    )


def print_rows(rows: Sequence[Row], budget: float) -> None:
    """Print one line per fault; a star marks a p99 above budget + 10 ms."""
    print(
        f"\n{rows[0].dialect:<24}{'searches':>9}{'failed':>8}{'calls':>7}{'added p50':>11}{'p99':>8} ", end=""
    )
    print(f"{'max':>8}{'says p99':>10}  outcomes")
    for row in rows:
        added = row.added
        star = "*" if added.p99 / 1000 > budget + GRACE else " "
        print(f"{row.fault:<24}{row.searches:>9}{sum(row.failed.values()):>8}{row.calls:>7}", end="")
        print(f"{added.p50:>11.1f}{added.p99:>8.1f}{star}{added.most:>8.1f}{row.says.p99:>10.1f}  ", end="")
        told = (*row.outcomes.items(), *row.failed.items())
        print(", ".join(f"{word} {count}" for word, count in told), flush=True)


def _questions(folder: Path, count: int) -> tuple[Path, list[Ask], dict[int, tuple[str, ...]]]:
    """Write rows for the store; return its file, the searches, and the reranked page of each."""
    random = np.random.default_rng(0)
    documents: dict[str, str] = {}
    rankings, asks, reranked = [], [], {}
    for number in range(count):
        ids = [f"{number}-{row}" for row in range(ROWS)]
        scores = random.permutation(ROWS) / ROWS
        texts = [f"{'About this and that, at some length. ' * 12}{score:.4f}" for score in scores]
        documents |= dict(zip(ids, texts, strict=True))
        rankings.append((ids, [row / 1000 for row in range(ROWS)]))
        question = Question(number, f"what is {number} about?", tuple(ids), {})
        asks.append(Ask(question, LIMIT))
        window = Candidates().window(LIMIT)
        best = sorted(range(window), key=lambda row: -scores[row])[:LIMIT]
        reranked[number] = tuple(ids[row] for row in best)
    file = folder / "rows.json"
    file.write_bytes(orjson.dumps({"documents": documents, "rankings": rankings}))
    return file, asks, reranked


def _word(answer: Answer) -> str:
    return ":".join(filter(None, (answer.error or answer.outcome, answer.reason)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="searches while a rerank API fails")
    parser.add_argument("--searches", type=int, default=QUESTIONS, help="under each fault")
    parser.add_argument("--dialects", nargs="+", choices=list(DIALECTS), default=list(DIALECTS))
    parser.add_argument(
        "--json", type=Path, default=KEPT / "remote_faults.json", help="where to write the figures"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
