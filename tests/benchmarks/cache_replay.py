"""What the caches find in a stream of conversations, how fast, and what they spare the model.

    python -m tests.benchmarks.cache_replay --json .bench/cache_replay.json

The stream of `conversations.py` goes through midrank, one search after the other, with the built-in model
over known documents and a budget that never ends, in front of a stand-in for the store that takes two
milliseconds:

    no cache       every search runs the model
    exact          scores in memory
    near           scores in memory, and near queries reuse them; every near hit is audited
    redis          scores in Redis alone, nothing in memory
    replica        the same with a second process that starts with what the first has left in Redis

A search is counted by how it was answered: all scores known, part of them, by a near query, or none. Its
added milliseconds are what midrank says itself: with reading the request and the answer of some 40 KB, all
of it. Model time is the CPU time of the process. A near hit's page is also compared with that of the run
without caches. Last, many identical searches at the same moment: they should cost one run of the model.
With default settings it takes about 3 minutes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks import conversations, redis_process, results, stage
from tests.benchmarks.conversing import (
    BUILT_IN,
    OFF,
    at_once,
    conversing,
    in_turn,
    learn_documents,
    told,
)
from tests.benchmarks.processes import cpu_seconds, wait_until_idle
from tests.benchmarks.shared import KEPT
from tests.benchmarks.tally import Quantiles, quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.client import Answer
    from tests.benchmarks.conversations import Step, Stream
    from tests.benchmarks.questions import Ask
    from tests.fakes.servers import Address, Child

WAYS = ("all known", "some known", "near", "none known")
EXACT: Mapping[str, object] = {"exact": True}
NEAR: Mapping[str, object] = {"exact": True, "semantic": {"audit": 1.0}}
STAMPEDE = 500


class Seen(NamedTuple):
    """A search, its answer, and the one that it got without caches."""

    step: Step
    answer: Answer
    plain: Answer


@dataclass(frozen=True, slots=True)
class Way:
    """The searches that were answered in one way: how many, the share, and milliseconds added.

    `plain` is what the same searches took without caches.
    """

    name: str
    searches: int
    share: float
    added: Quantiles | None
    plain: Quantiles | None


@dataclass(frozen=True, slots=True)
class Replay:
    """One setting.

    `known_share` is the share of all scores that no model had to give, `cpu_seconds` the process's own, and
    `ways` tells searches apart by how they were answered. `near_by_kind` counts near hits by what the search
    was to those before it, `near_overlap` is the mean share of rows that a near hit's page has in common with
    the page that its own words give. `told` are the figures of the caches at the end.
    """

    name: str
    searches: int
    ways: tuple[Way, ...]
    known_share: float
    cpu_seconds: float
    added_seconds: float
    near_by_kind: Mapping[str, int]
    near_overlap: float | None
    told: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Stampede:
    """Many identical searches at once.

    `alike` were answered as without caches; `latency` is that of the client, in milliseconds. `cpu_seconds`
    are those of the process: without caches, with nothing known before, and with everything.
    """

    searches: int
    alike: int
    outcomes: Mapping[str, int]
    latency: Quantiles
    cpu_seconds: Mapping[str, float]


def main() -> int:
    """Run, print tables, write the figures; fails if identical searches at once were answered differently."""
    options = _options()
    if why := conversations.missing() or redis_process.missing():
        print(f"skipped: {why}")
        return 0
    stream = conversations.stream(options.searches, options.seed)
    asks = [step.ask for step in stream.steps]
    kinds = Counter(step.kind for step in stream.steps)
    print(dict(kinds), flush=True)
    with stage.ranked_store(stream.file) as store:
        learn_documents(store, asks)
        replays = measure(store, stream, options)
        rush = stampede(store, asks[0])
    print_replays(replays)
    print_stampede(rush)
    results.write(options.json, {"kinds": kinds, "replays": replays, "stampede": rush})
    return 0 if rush.alike == rush.searches else 1


def measure(store: Address, stream: Stream, options: argparse.Namespace) -> list[Replay]:
    """Replay the stream in every setting."""
    model = stage.cross_encoder() if options.cross_encoder else BUILT_IN
    asks = [step.ask for step in stream.steps]
    replays: list[Replay] = []
    plain: list[Answer] = []
    with redis_process.redis_process() as server:
        in_redis: dict[str, Any] = {"cache": {"memory_mb": 0, "redis": {"url": server.url}}}
        for name, rule, policy in (
            ("no cache", OFF, {}),
            ("exact", EXACT, {}),
            ("near", NEAR, {}),
            ("redis", EXACT, in_redis),
            ("replica", EXACT, in_redis),
        ):
            if options.setting and name not in options.setting:
                continue
            with conversing(store, rule, model=model, **policy) as midrank:
                before = cpu_seconds(midrank.pid)
                answers = in_turn(midrank.address, asks)
                wait_until_idle(midrank.pid)
                spent = cpu_seconds(midrank.pid) - before
                figures = {} if rule is OFF else told(midrank)
            plain = plain or answers
            seen = list(map(Seen, stream.steps, answers, plain))
            replays.append(summarise(name, seen, spent, figures))
            print(f"{name}: {spent:.1f} s of CPU", flush=True)
    return replays


def summarise(name: str, seen: Sequence[Seen], spent: float, figures: Mapping[str, float]) -> Replay:
    """Add up a replay that took so many CPU seconds."""
    ways: dict[str, list[Seen]] = {way: [] for way in WAYS}
    for one in seen:
        ways[_way(one.answer)].append(one)
    near = [one for one in seen if one.answer.near]
    overlap = [len({*one.answer.ids} & {*one.plain.ids}) / len(one.plain.ids) for one in near]
    return Replay(
        name=name,
        searches=len(seen),
        ways=tuple(
            Way(
                way,
                len(some),
                len(some) / len(seen),
                quantiles([one.answer.added for one in some]) if some else None,
                quantiles([one.plain.added for one in some]) if some else None,
            )
            for way, some in ways.items()
        ),
        known_share=sum(one.answer.cached for one in seen) / sum(one.answer.scored for one in seen),
        cpu_seconds=spent,
        added_seconds=sum(one.answer.added for one in seen),
        near_by_kind=Counter(one.step.kind for one in near),
        near_overlap=statistics.mean(overlap) if near else None,
        told=figures,
    )


def stampede(store: Address, ask: Ask) -> Stampede:
    """Make a search many times at once: without caches, with nothing known, and with all of it known."""
    with conversing(store, OFF) as midrank:
        plain, without = _rushed(midrank, ask)
    with conversing(store, EXACT) as midrank:
        answers, together = _rushed(midrank, ask)
        _, known = _rushed(midrank, ask)
    return Stampede(
        searches=STAMPEDE,
        alike=sum(answer.ids == plain[0].ids for answer in answers),
        outcomes=Counter(answer.error or answer.outcome for answer in answers),
        latency=quantiles([answer.latency for answer in answers]),
        cpu_seconds={"no cache": without, "nothing known": together, "all known": known},
    )


def print_replays(replays: Sequence[Replay]) -> None:
    """Print a line for every way in every setting."""
    for one in replays:
        print(f"\n{one.name}: {one.known_share:.1%} of the scores were known, ", end="")
        print(f"{one.cpu_seconds:.1f} s of CPU, {one.added_seconds:.1f} s added in all")
        for way in one.ways:
            print(f"  {way.name:<12}{way.searches:>6}{way.share:>8.1%}", end="")
            for title, added in (("added", way.added), ("without caches", way.plain)):
                if added is not None:
                    print(f"   {title} p50 {added.p50:.1f}  p99 {added.p99:.1f}", end="")
                    print(f"  max {added.most:.1f} ms", end="")
            print()
        if one.near_overlap is not None:
            kinds = ", ".join(f"{kind} {count}" for kind, count in one.near_by_kind.items())
            print(f"  near hits by kind: {kinds}; rows in common with the page of its own words: ", end="")
            print(f"{one.near_overlap:.1%}")
        print("  told:", ", ".join(f"{name} {value:g}" for name, value in one.told.items()))


def print_stampede(rush: Stampede) -> None:
    """Print what identical searches at once came to."""
    print(f"\n{rush.searches} times the same search at once: {rush.alike} answered alike, ", end="")
    print(", ".join(f"{outcome} {count}" for outcome, count in rush.outcomes.items()), end="")
    print(f"; latency p50 {rush.latency.p50:.0f}, max {rush.latency.most:.0f} ms")
    print("CPU: " + ", ".join(f"{name} {value:.2f} s" for name, value in rush.cpu_seconds.items()))


def _rushed(midrank: Child, ask: Ask) -> tuple[list[Answer], float]:
    """Return the answers, and the CPU seconds that they cost."""
    before = cpu_seconds(midrank.pid)
    answers = at_once(midrank.address, ask, STAMPEDE)
    return answers, cpu_seconds(midrank.pid) - before


def _way(answer: Answer) -> str:
    if answer.near:
        return "near"
    if not answer.cached:
        return "none known"
    return "all known" if answer.outcome == "cached" else "some known"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="hit rates and latency over a stream of conversations")
    parser.add_argument("--searches", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="of the stream")
    parser.add_argument("--setting", action="append", help="one of the settings; may be repeated")
    parser.add_argument(
        "--cross-encoder",
        action="store_true",
        help="rerank with the test model, whose searches cost far more",
    )
    parser.add_argument("--json", type=Path, default=KEPT / "cache_replay.json", help="where to write them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
