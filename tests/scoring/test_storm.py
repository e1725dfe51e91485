"""A thousand rankings through every kind of stack, half of them given up at random moments.

No one gets another's scores, no more calls than threads are ever inside a model, every outcome is told, and
nothing is left behind: no task, no slot, no job, no thread.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import zlib
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np

from proxy.model import Candidate, Outcome
from proxy.scoring.base import Reach, Scores
from proxy.scoring.cascade import Cascade
from proxy.scoring.engine import Engine
from proxy.scoring.race import Race
from proxy.scoring.ranker import Ranker
from proxy.scoring.tiers import Tiers

TEXTS = 12


def score(query: str, text: str) -> float:
    """Tell pairs apart: what one search gets is no other one's."""
    return zlib.crc32(f"{query}|{text}".encode()) / 2**32


class Moody:
    """A model that takes some time, and sometimes raises, even what nobody expects."""

    def __init__(self, seed: int, batch_size: int) -> None:
        self.batch_size = batch_size
        self._chance = random.Random(seed)
        self._counting = threading.Lock()
        self.inside = self.most_inside = self.calls = 0

    def size(self, item) -> int:
        return len(item[1])

    def run(self, items):
        with self._counting:
            self.inside += 1
            self.calls += 1
            self.most_inside = max(self.most_inside, self.inside)
            mood, seconds = self._chance.random(), self._chance.random() * 0.002
        time.sleep(seconds)
        with self._counting:
            self.inside -= 1
        if mood < 0.02:
            raise SystemExit
        if mood < 0.04:
            raise ArithmeticError
        return [score(*item) for item in items]

    def interrupt(self) -> None:
        pass


class Scorer:
    """A tier around an engine."""

    pointwise = True
    ready = True

    def __init__(self, name: str, threads: int, batch_size: int) -> None:
        self.name = name
        self.model = Moody(seed=threads, batch_size=batch_size)
        self.threads = threads
        self.engine = Engine(self.model, name=name, threads=threads)
        self.engine.start()

    async def start(self) -> None:
        pass

    def reach(self, job) -> int:
        return self.engine.reach([len(text) for text in job.texts], job.deadline)

    def usual_reach(self, seconds: float) -> Reach:
        return self.engine.usual_reach(seconds)

    def figures(self):
        return self.engine.figures()

    async def score(self, job) -> Scores:
        pairs = [(job.query, text) for text in job.texts]
        outputs, _ = await self.engine.submit(pairs, job.deadline, tenant=job.tenant, at_least=job.at_least)
        values = np.array([np.nan if one is None else one for one in outputs], dtype=np.float32)
        return Scores(values, self.name)

    async def close(self) -> None:
        self.engine.close()


@asynccontextmanager
async def opened(*closables):
    async with AsyncExitStack() as stack:
        for one in closables:
            stack.push_async_callback(one.close)
        yield


async def test_a_storm_of_cancelled_rankings_leaves_nothing_behind(caplog):
    chance = random.Random(5)
    loop = asyncio.get_running_loop()
    good, fast = Scorer("good", threads=3, batch_size=4), Scorer("fast", threads=2, batch_size=1)
    rankers = [
        Ranker(Tiers([good, fast])),
        Ranker(Race(Tiers([good]), fast)),
        Ranker(Cascade(Tiers([good]), fast, top=5)),
    ]
    outcomes: Counter[str] = Counter()

    async def rank(number: int) -> None:
        candidates = [Candidate(str(place), f"{number}-{place}") for place in range(TEXTS)]
        query = f"query {number}"
        ranked = await chance.choice(rankers).rank(
            query,
            candidates,
            window=TEXTS,
            deadline=loop.time() + chance.uniform(0.002, 0.15),
            at_least=chance.choice((1, 3, 50)),
            tenant=chance.choice("xyz"),
        )
        outcomes[ranked.verdict.outcome] += 1
        assert sorted(ranked.order) == list(range(TEXTS))
        assert (ranked.verdict.reason is None) == (ranked.verdict.outcome is Outcome.RERANKED)
        if ranked.verdict.outcome is Outcome.RERANKED and ranked.scorer in ("good", "fast"):
            own = [score(query, one.text) for one in candidates]
            assert ranked.order == tuple(sorted(range(TEXTS), key=lambda place: -np.float32(own[place])))

    async with opened(good, fast, *rankers):
        tasks = []
        for number in range(1000):
            tasks.append(loop.create_task(rank(number)))
            if chance.random() < 0.5:
                loop.call_later(chance.uniform(0, 0.1), tasks[-1].cancel)
            if number % 10 == 0:
                await asyncio.sleep(chance.uniform(0, 0.006))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        # What is in a thread when its waiters go away is computed to its end, by nobody's order but its own.
        last = [one.engine.submit([("q", "t")] * one.threads) for one in (good, fast)]
        await asyncio.gather(*last, return_exceptions=True)
        for one in (good, fast):
            assert one.model.most_inside <= one.threads
            assert one.engine.waiting == 0
            assert not one.engine._live._jobs
            assert not one.engine._lost
        assert all(len(ranker._tasks) == 0 for ranker in rankers)
    ours = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
    assert ours == []
    failed = [one for one in results if isinstance(one, BaseException)]
    assert {type(one) for one in failed} <= {asyncio.CancelledError}
    assert sum(outcomes.values()) + len(failed) == 1000
    assert {Outcome.RERANKED, Outcome.PARTIAL, Outcome.FALLBACK} >= set(outcomes)
    for thread in threading.enumerate():
        if thread.name in ("midrank-good", "midrank-fast"):
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
