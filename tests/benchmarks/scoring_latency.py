"""What scoring costs: our ONNX models against sentence-transformers, late interaction cold and warm, memory.

    python -m tests.benchmarks.scoring_latency --rounds 9 --json .bench/scoring_latency.json

1. Twenty passages of about 100 tokens: `CrossEncoder.predict` and our cross-encoder, in turns, on the same
   pairs, the same weights and the same CPUs. Needs the [torch] extra and the test model.
2. Late interaction with the built-in model: cold (no passage is known), then warm (all are).
3. The memory of a serving process after some reranked searches, by the system's count.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.late_interaction import LateInteraction
from proxy.scoring.model_files import BUILT_IN_MODEL, locate
from proxy.scoring.text_reader import TextReader
from proxy.scoring.token_matrices import TokenMatrices
from tests.benchmarks import results
from tests.benchmarks.prose import QUERIES, passages
from tests.benchmarks.shared import CROSS_ENCODER, KEPT, NO_CACHE
from tests.fakes.fixed_store import QUERY_PATH, query
from tests.fakes.servers import child, free_address, midrank_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.scoring.base import Scorer


@dataclass(frozen=True, slots=True)
class Timing:
    """One way to score, in milliseconds per search."""

    name: str
    candidates: int
    tokens: float
    p50: float
    p95: float
    best: float


def main(arguments: list[str] | None = None) -> int:
    """Run all three, print tables, write the figures."""
    parser = argparse.ArgumentParser(description="what scoring costs")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=KEPT / "scoring_latency.json")
    options = parser.parse_args(arguments)
    cross_encoders = compare_cross_encoders(options.rounds)
    late_interaction = asyncio.run(time_late_interaction(options.rounds))
    memory = serving_memory()
    print_tables(cross_encoders, late_interaction, memory)
    report = {
        "rounds": options.rounds,
        "unit": "milliseconds per search",
        "cross_encoders": [asdict(one) for one in cross_encoders],
        "late_interaction": [asdict(one) for one in late_interaction],
        "serving_memory_mb": memory,
    }
    results.write(options.json, report)
    return 0


# --- cross-encoders ----------------------------------------------------------------------------


def compare_cross_encoders(rounds: int) -> list[Timing]:
    """Score the same pairs by all, in turns, so that whatever else the machine does hits all alike."""
    if not CROSS_ENCODER.is_dir():
        print(f"cross-encoders are left out: no model in {CROSS_ENCODER}")
        return []
    texts = passages(20, 100)
    with asyncio.Runner() as runner:
        int8, fp32 = (
            CrossEncoderOnnx(str(CROSS_ENCODER), name=f"ours, {one}", precision=one)
            for one in ("int8", "fp32")
        )
        ways: dict[str, Callable[[str], object]] = {}
        for scorer in (int8, fp32):
            runner.run(scorer.start())
            ways[scorer.name] = _scoring(runner, scorer, texts)
        if (predict := _sentence_transformers(texts)) is not None:
            ways["CrossEncoder.predict"] = predict
        times = _in_turns(ways, rounds)
        for scorer in (int8, fp32):
            runner.run(scorer.close())
    reader = TextReader(CROSS_ENCODER / "tokenizer.json", 512)
    tokens = statistics.mean(len(reader.pair(QUERIES[0], text)) for text in texts)
    return [_timing(name, len(texts), tokens, taken) for name, taken in times.items()]


def _sentence_transformers(texts: list[str]) -> Callable[[str], object] | None:
    if find_spec("sentence_transformers") is None:
        print("CrossEncoder.predict is left out: needs the [torch] extra")
        return None
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(CROSS_ENCODER), device="cpu", max_length=512)
    return lambda asked: model.predict([(asked, text) for text in texts], show_progress_bar=False)


def _scoring(runner: asyncio.Runner, scorer: Scorer, texts: list[str]) -> Callable[[str], object]:
    return lambda asked: runner.run(_score(scorer, asked, texts))


async def _score(scorer: Scorer, asked: str, texts: list[str]) -> float:
    """Score all texts and return the seconds that it took."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    scores = await scorer.score(ScoreJob(asked, tuple(texts), before + 60))
    assert np.isfinite(scores.values).all()
    return loop.time() - before


def _in_turns(ways: dict[str, Callable[[str], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-2, rounds):
        for name, way in ways.items():
            before = time.perf_counter()
            way(QUERIES[number % len(QUERIES)])
            if number >= 0:  # the first two warm up
                times[name].append(time.perf_counter() - before)
            time.sleep(0.1)  # until the threads of the last one have stopped to spin
    return times


# --- late interaction --------------------------------------------------------------------------


async def time_late_interaction(rounds: int) -> list[Timing]:
    """Search over passages that are new, then over the same again with other queries."""
    reader = TextReader(locate(BUILT_IN_MODEL).tokenizer, 256)
    timings = []
    for candidates, length in ((20, 100), (50, 100), (20, 250), (50, 250)):
        scorer = LateInteraction(BUILT_IN_MODEL, name="built-in", matrices=TokenMatrices(2**28))
        await scorer.start()
        cold, warm, tokens = [], [], []
        for number in range(min(3, rounds)):
            texts = passages(candidates, length, skip=number * candidates)
            tokens += [len(reader.one(text)) for text in texts]
            cold.append(await _score(scorer, QUERIES[0], texts))
            warm += [await _score(scorer, asked, texts) for asked in QUERIES[1:]]
        timings.append(_timing("cold", candidates, statistics.mean(tokens), cold))
        timings.append(_timing("warm", candidates, statistics.mean(tokens), warm))
        await scorer.close()
    return timings


# --- memory ------------------------------------------------------------------------------------


def serving_memory() -> dict[str, float]:
    """Return what a serving process holds, and at most held, after some searches with the default model."""
    store = free_address()
    command = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(store.port)]
    rules = [{"budget_ms": 60_000}]
    with child(command, store.url), midrank_server("chroma", store, rules=rules, cache=NO_CACHE) as midrank:
        outcomes = [_search(f"{midrank.address.url}{QUERY_PATH}") for _ in range(20)]
        status = Path(f"/proc/{midrank.pid}/status").read_text()
        maps = Path(f"/proc/{midrank.pid}/maps").read_text()
    if set(outcomes) != {"reranked"} or "libtorch" in maps:
        raise AssertionError(f"searches were {set(outcomes)}, torch loaded: {'libtorch' in maps}")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {
        name: round(int(fields[field].split()[0]) / 1024, 1)
        for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))
    }


def _search(url: str) -> str:
    headers = {"Content-Type": "application/json", "x-midrank-query": "how%20fast"}
    request = urllib.request.Request(url, query(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.headers["x-midrank"])


# --- report ------------------------------------------------------------------------------------


def print_tables(
    cross_encoders: list[Timing], late_interaction: list[Timing], memory: dict[str, float]
) -> None:
    """Print what was measured."""
    slowest = max((one.p50 for one in cross_encoders), default=0)
    for title, timings in (("cross-encoder", cross_encoders), ("late interaction", late_interaction)):
        print(f"\n{title + ', ms':<26}{'texts':>6}{'tokens':>8}{'p50':>9}{'p95':>9}{'best':>9}")
        for one in timings:
            times = f"{one.p50:>9.1f}{one.p95:>9.1f}{one.best:>9.1f}"
            faster = f"{slowest / one.p50:>7.1f}x" if timings is cross_encoders else ""
            print(f"{one.name:<26}{one.candidates:>6}{one.tokens:>8.0f}{times}{faster}")
    print(f"\nserving process, MB: {memory['now']} now, {memory['peak']} at most; no torch")


def _timing(name: str, candidates: int, tokens: float, seconds: list[float]) -> Timing:
    milliseconds = np.array(seconds) * 1000
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return Timing(
        name,
        candidates,
        round(tokens, 1),
        round(float(p50), 2),
        round(float(p95), 2),
        round(float(milliseconds.min()), 2),
    )


if __name__ == "__main__":
    sys.exit(main())
