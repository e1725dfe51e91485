"""What a Redis that fails costs the searches: nothing but hits.

    python -m tests.benchmarks.cache_failure --json .bench/cache_failure.json

A steady load of conversations (`conversations.py`, Poisson arrivals, an open loop) goes through midrank:
the built-in model over known documents, the policy's default budget, and no memory for scores, so that
every search asks Redis. A second into each phase something happens to the Redis, which is a real one.
Wherever a search was ranked in full and as itself, its page is held against the one that a midrank without
caches gives. With default settings it takes about 3 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from proxy.policy import Candidates, Rule
from tests.benchmarks import conversations, redis_process, results, stage
from tests.benchmarks.client import ask_each, open_loop
from tests.benchmarks.conversing import OFF, conversing, learn_documents, told
from tests.benchmarks.redis_process import RedisProcess
from tests.benchmarks.shared import KEPT
from tests.benchmarks.tally import Quantiles, Terms, fault, quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.benchmarks.client import Answer
    from tests.benchmarks.questions import Ask
    from tests.fakes.servers import Address, Child

BEFORE = 1.0  # seconds of a phase until something happens
RULE: Mapping[str, object] = {"exact": True, "semantic": {}}
SECRET = "shared by all replicas"


class Phase(NamedTuple):
    """Its name, and what happens to the Redis in it."""

    name: str
    act: Callable[[RedisProcess], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One phase.

    `failed` counts searches without a good page, by what was wrong with it; `unlike` counts full rankings
    that differ from those without caches. `added` is what the client waited beyond the store's own time,
    `says` what midrank's header says. `told` is what its figures of the caches rose by.
    """

    name: str
    searches: int
    failed: Mapping[str, int]
    unlike: int
    added: Quantiles
    says: Quantiles
    outcomes: Mapping[str, int]
    told: Mapping[str, float]


PHASES = (
    Phase("up", lambda _: None),
    Phase("killed", RedisProcess.kill),
    Phase("restarted", RedisProcess.restart),
    Phase("paused", RedisProcess.pause),
    Phase("continued", RedisProcess.go_on),
    Phase("flushed", RedisProcess.flush),
    Phase("full", RedisProcess.fill),
    Phase("room again", RedisProcess.widen),
    Phase("scribbled over", RedisProcess.scribble),
    Phase("garbage", RedisProcess.babble),
    Phase("restarted", RedisProcess.restart),
)


class Load(NamedTuple):
    """The searches, at how many a second, for how many seconds of a phase, and who judges their answers."""

    asks: Iterator[Ask]
    rate: float
    seconds: float
    judge: Judge


class Judge(NamedTuple):
    """What answers are held against: the terms, and the page of every search without caches."""

    terms: Terms
    pages: Mapping[tuple[int, int], tuple[str, ...]]

    def fault(self, answer: Answer) -> str:
        """Say what is wrong with an answer, if anything."""
        return answer.error or fault(answer, self.terms)

    def unlike(self, answer: Answer) -> bool:
        """Say whether a full ranking of the query itself is another than without caches."""
        full = answer.outcome in ("reranked", "cached") and not answer.near
        return full and answer.ids != self.pages[answer.ask.question.number, answer.ask.limit]


def main() -> int:
    """Run, print a table, write the figures; fails if any search did."""
    options = _options()
    if why := conversations.missing() or redis_process.missing():
        print(f"skipped: {why}")
        return 0
    searches = int((len(PHASES) + 2) * options.rate * options.seconds)
    stream = conversations.stream(searches)
    asks = [step.ask for step in stream.steps]
    with stage.ranked_store(stream.file) as store, redis_process.redis_process() as server:
        learn_documents(store, asks)
        load = Load(iter(asks), options.rate, options.seconds, _judge(store, asks))
        rows = measure(store, server, load)
    print_rows(rows)
    results.write(options.json, {"rate": options.rate, "phase_seconds": options.seconds, "phases": rows})
    return 1 if any(row.failed or row.unlike for row in rows) else 0


def measure(store: Address, server: RedisProcess, load: Load) -> list[Row]:
    """Put the load on a midrank that keeps scores in memory, then on one with a Redis through all phases."""
    budget_ms = Rule().budget_ms
    with conversing(store, RULE, budget_ms=budget_ms) as midrank:
        rows = [under(load, Phase("in memory", lambda _: None), midrank, server)]
    cache = {"memory_mb": 0, "redis": {"url": server.url}}
    with conversing(store, RULE, budget_ms=budget_ms, cache=cache, secret=SECRET) as midrank:
        for phase in PHASES:
            rows.append(under(load, phase, midrank, server))
            print(f"{phase.name}: {rows[-1].outcomes}", flush=True)
    return rows


def under(load: Load, phase: Phase, midrank: Child, server: RedisProcess) -> Row:
    """Put the load on for one phase; what happens in it happens under the load."""

    async def run() -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            answers = group.create_task(
                open_loop(midrank.address, load.asks, rate=load.rate, seconds=load.seconds, seed=0)
            )
            await asyncio.sleep(BEFORE)
            await asyncio.to_thread(phase.act, server)
        return answers.result()

    before = told(midrank)
    answers = uvloop.run(run())
    after = told(midrank)
    return Row(
        name=phase.name,
        searches=len(answers),
        failed=Counter(why for answer in answers if (why := load.judge.fault(answer))),
        unlike=sum(load.judge.unlike(answer) for answer in answers),
        added=quantiles([max(0.0, answer.latency - load.judge.terms.store_time) for answer in answers]),
        says=quantiles([answer.added for answer in answers if not answer.error]),
        outcomes=dict(Counter(_word(answer) for answer in answers).most_common()),
        told={name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)},
    )


def print_rows(rows: Sequence[Row]) -> None:
    """Print one line per phase, and below it what the caches told."""
    print(f"\n{'':<16}{'searches':>9}{'failed':>8}{'unlike':>8}{'added p50':>11}{'p99':>8}{'max':>8}", end="")
    print(f"{'says p50':>10}{'p99':>8}{'max':>8}  outcomes")
    for row in rows:
        print(f"{row.name:<16}{row.searches:>9}{sum(row.failed.values()):>8}{row.unlike:>8}", end="")
        print(f"{row.added.p50:>11.1f}{row.added.p99:>8.1f}{row.added.most:>8.1f}", end="")
        print(f"{row.says.p50:>10.1f}{row.says.p99:>8.1f}{row.says.most:>8.1f}  ", end="")
        print(", ".join(f"{word} {count}" for word, count in (*row.outcomes.items(), *row.failed.items())))
        print(" " * 16, ", ".join(f"{name} {value:+.0f}" for name, value in row.told.items()))


def _judge(store: Address, asks: Sequence[Ask]) -> Judge:
    """Ask everything of a midrank without caches, and some of the store itself."""
    different = list({(ask.question.number, ask.limit): ask for ask in asks}.values())
    with conversing(store, OFF) as midrank:
        answers = uvloop.run(ask_each(midrank.address, different, at_once=4))
    odd = [answer for answer in answers if answer.outcome != "reranked"]
    if odd:
        raise AssertionError(f"{len(odd)} of {len(answers)} searches were not reranked, such as {odd[0]}")
    pages = {(one.ask.question.number, one.ask.limit): one.ids for one in answers}
    straight = uvloop.run(ask_each(store, different[:200], at_once=1))
    store_time = statistics.median(answer.latency for answer in straight)
    return Judge(Terms(Rule().budget_ms / 1000, store_time, Candidates().window), pages)


def _word(answer: Answer) -> str:
    return ":".join(filter(None, (answer.error or answer.outcome, answer.reason)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="searches while Redis fails")
    parser.add_argument("--rate", type=float, default=50.0, help="searches per second")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each phase")
    parser.add_argument(
        "--json", type=Path, default=KEPT / "cache_failure.json", help="where to write the figures"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
