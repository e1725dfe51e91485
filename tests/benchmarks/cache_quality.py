"""Whether caches cost quality: NDCG@10 through Chroma with them and without, everything asked twice over.

    python -m tests.benchmarks.cache_quality --json .bench/cache_quality.json

The built-in model reranks all that it is given, within a budget that never ends. All test queries are asked
without caches, then twice with exact caching alone, then twice with the semantic cache as well; between the
settings the caches are cleared. It is one midrank all the time: the caller's `x-midrank-cache` switches.
The first pass of a setting fills the caches, the second finds what it left. With default settings it takes
about 3 minutes, the first time ever 5 more to encode the documents.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.stats.ndcg import ndcg
from proxy.stats.paired import mean_difference
from tests.benchmarks import results
from tests.benchmarks.conversing import clear, told
from tests.benchmarks.judged import embedded, exists, load
from tests.benchmarks.quality import DEPTH, ask_all, fill
from tests.benchmarks.shared import DATA, KEPT
from tests.benchmarks.stage import NO_HURRY_MS
from tests.fakes.servers import chroma_server, midrank_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.judged import Collection
    from tests.benchmarks.quality import Answer

COLLECTIONS = ("scifact", "nfcorpus")
ALLOWED = 0.005  # of NDCG@10, by which caches may change a collection's mean
PASSES = 2
SETTINGS = ("off", "exact", "near")
MATRICES_MB = 512
EVERY_HIT = {"audit": 1.0}


@dataclass(frozen=True, slots=True)
class Pass:
    """All queries asked once.

    `change` is NDCG@10 less that without caches, with a 95 % interval; `different` counts queries whose page
    is another. `told` is what the figures of the caches rose by.
    """

    collection: str
    setting: str
    number: int
    queries: int
    ndcg: float
    change: tuple[float, float, float]
    different: int
    outcomes: Mapping[str, int]
    told: Mapping[str, float]


def main() -> int:
    """Run, print a table, write the figures; fails if a setting changes a mean by more than is allowed."""
    options = _options()
    missing = [name for name in options.collection if not exists(name)]
    if missing:
        print(f"skipped: no {', '.join(missing)} in {DATA}")
        return 0
    passes = [one for name in options.collection for one in measure(load(name))]
    print_table(passes)
    results.write(options.json, {"allowed": ALLOWED, "passes": passes})
    return 1 if any(abs(one.change[0]) > ALLOWED for one in passes) else 0


def measure(collection: Collection) -> list[Pass]:
    """Ask all queries in every setting."""
    documents = embedded(f"{collection.name}-documents", list(collection.documents.values()))
    queries = embedded(f"{collection.name}-queries", list(collection.queries.values()))
    file = KEPT / f"{collection.name}-matrices.bin"
    models = {"default": {"kind": "late_interaction", "memory_mb": MATRICES_MB, "file": str(file)}}
    rule = {"budget_ms": NO_HURRY_MS, "cache": {"semantic": EVERY_HIT}}
    passes: list[Pass] = []
    with chroma_server() as store:
        path = fill(store.url, collection, documents)
        with midrank_server("chroma", store, models=models, rules=[rule]) as midrank:
            plain = ask_all(midrank.address.url + path, collection, queries, _header("off"))
            for setting in SETTINGS:
                clear(midrank)
                for number in range(1, PASSES + 1):
                    before = told(midrank)
                    answers = ask_all(midrank.address.url + path, collection, queries, _header(setting))
                    rise = {name: value - before.get(name, 0) for name, value in told(midrank).items()}
                    passes.append(summarise(collection, setting, number, (answers, plain), rise))
                    print(f"{collection.name}, {setting}: {passes[-1].outcomes}", flush=True)
    return passes


def summarise(
    collection: Collection,
    setting: str,
    number: int,
    answers: tuple[Sequence[Answer], Sequence[Answer]],
    rise: Mapping[str, float],
) -> Pass:
    """Compare the answers of a pass with those without caches."""
    ours, plain = answers
    gains, before = (
        [
            ndcg(one.ids, collection.grades[query], DEPTH)
            for query, one in zip(collection.queries, some, strict=True)
        ]
        for some in answers
    )
    return Pass(
        collection=collection.name,
        setting=setting,
        number=number,
        queries=len(ours),
        ndcg=sum(gains) / len(gains),
        change=mean_difference(before, gains),
        different=sum(one.ids != other.ids for one, other in zip(ours, plain, strict=True)),
        outcomes=Counter(answer.outcome for answer in ours),
        told={name: value for name, value in rise.items() if value},
    )


def print_table(passes: Sequence[Pass]) -> None:
    """Print one line per pass."""
    print(f"\n{'collection':<12}{'setting':<9}{'pass':>5}{'NDCG@10':>9}{'change, 95 % interval':>32}", end="")
    print(f"{'other pages':>13}  outcomes")
    for one in passes:
        change = "{:+.4f} ({:+.4f} .. {:+.4f})".format(*one.change)
        print(f"{one.collection:<12}{one.setting:<9}{one.number:>5}{one.ndcg:>9.4f}{change:>32}", end="")
        near = sum(value for name, value in one.told.items() if name.endswith("near_hits"))
        outcomes = ", ".join(f"{outcome} {count}" for outcome, count in one.outcomes.items())
        print(f"{one.different:>13}  {outcomes}; near hits {near:g}")


def _header(setting: str) -> dict[str, str]:
    return {"x-midrank-cache": setting}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="NDCG@10 with caches and without")
    parser.add_argument("--collection", action="append", help="a folder of ../shared/data; may be repeated")
    parser.add_argument("--json", type=Path, default=KEPT / "cache_quality.json", help="where to write them")
    options = parser.parse_args()
    options.collection = options.collection or COLLECTIONS
    return options


if __name__ == "__main__":
    sys.exit(main())
