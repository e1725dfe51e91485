"""What reranking is worth on judged collections: NDCG@10 through Chroma, direct and through midrank.

    python tests/benchmarks/quality.py --collection scifact --collection nfcorpus

For each collection: dense vectors of all-MiniLM-L6-v2 (float32, kept in `.bench/`) go into Chroma; then every
test query is asked directly, through midrank just started (cold), and again once it has encoded in the
background what it was shown (warm). midrank runs in a process of its own, as it does in production.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import numpy as np
import orjson

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from proxy.stats.ndcg import ndcg  # noqa: E402 - the script may be run from anywhere
from proxy.stats.paired import mean_difference  # noqa: E402 - the script may be run from anywhere
from tests.benchmarks.judged import embedded, exists, load  # noqa: E402
from tests.benchmarks.processes import wait_until_idle  # noqa: E402
from tests.benchmarks.shared import DATA, KEPT, NO_CACHE  # noqa: E402
from tests.fakes.servers import chroma_server, midrank_server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tests.benchmarks.judged import Collection

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
DEPTH = 10  # rows per page, and the depth of NDCG
ADD_AT_ONCE = 500  # documents per request to Chroma, far below its limits


@dataclass(frozen=True, slots=True)
class Pass:
    """All queries asked once: mean NDCG@10, its change with a 95 % interval, outcomes, milliseconds added."""

    collection: str
    name: str
    queries: int
    ndcg: float
    change: tuple[float, float, float] | None
    outcomes: dict[str, int]
    scored_share: float
    added_ms_p50: float
    added_ms_p95: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of ids, and what midrank's headers say about it."""

    ids: tuple[str, ...]
    outcome: str
    scored: tuple[int, int]
    added_ms: float


def main() -> int:
    """Run, print a table, write the figures."""
    options = _options()
    missing = [name for name in options.collection if not exists(name)]
    if missing:
        print(f"skipped: no {', '.join(missing)} in {DATA}")
        return 0
    passes = [one for name in options.collection for one in measure(load(name, options.limit), options)]
    print_table(passes)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(orjson.dumps([asdict(one) for one in passes], option=orjson.OPT_INDENT_2))
    print(f"written to {options.json}")
    return 0


def measure(collection: Collection, options: argparse.Namespace) -> list[Pass]:
    """Ask all queries three times over."""
    documents = embedded(f"{collection.name}-documents", list(collection.documents.values()))
    queries = embedded(f"{collection.name}-queries", list(collection.queries.values()))
    with chroma_server() as store:
        path = fill(store.url, collection, documents)
        direct = ask_all(store.url + path, collection, queries)
        passes = [summarise(collection, "dense", direct, None)]
        models = {"default": {"kind": "late_interaction", "memory_mb": options.memory_mb}}
        rule = {"budget_ms": options.budget_ms} if options.budget_ms else {}
        with midrank_server("chroma", store, models=models, rules=[rule], cache=NO_CACHE) as midrank:
            for name in ("cold", *["warm"] * options.warm_passes):
                answers = ask_all(midrank.address.url + path, collection, queries)
                passes.append(summarise(collection, name, answers, direct))
                wait_until_idle(midrank.pid)
    return passes


def fill(store: str, collection: Collection, vectors: NDArray[np.float32]) -> str:
    """Put the documents into a new collection; give the path of its searches."""
    with httpx.Client(base_url=store, timeout=120) as client:
        settings = {"name": collection.name, "configuration": {"hnsw": {"space": "cosine"}}}
        made = client.post(COLLECTIONS, json=settings).raise_for_status().json()
        ids, texts = list(collection.documents), list(collection.documents.values())
        for start in range(0, len(ids), ADD_AT_ONCE):
            some = slice(start, start + ADD_AT_ONCE)
            records = {"ids": ids[some], "documents": texts[some], "embeddings": vectors[some].tolist()}
            client.post(f"{COLLECTIONS}/{made['id']}/add", json=records).raise_for_status()
    return f"{COLLECTIONS}/{made['id']}/query"


def ask_all(
    url: str, collection: Collection, vectors: NDArray[np.float32], headers: Mapping[str, str] | None = None
) -> list[Answer]:
    """Ask every query once, one after the other; `headers` are sent with each."""
    with httpx.Client(timeout=60, headers=headers) as client:
        return [
            _ask(client, url, text, vector)
            for text, vector in zip(collection.queries.values(), vectors, strict=True)
        ]


def _ask(client: httpx.Client, url: str, text: str, vector: NDArray[np.float32]) -> Answer:
    body = {"query_embeddings": [vector.tolist()], "n_results": DEPTH, "include": []}
    answer = client.post(url, json=body, headers={"x-midrank-query": quote(text)}).raise_for_status()
    headers = answer.headers
    outcome = ":".join(filter(None, (headers.get("x-midrank", "direct"), headers.get("x-midrank-reason"))))
    scored, _, candidates = headers.get("x-midrank-scored", "0/0").partition("/")
    timing = headers.get("server-timing", "")
    added = float(timing.partition("midrank;dur=")[2].partition(",")[0] or 0)
    return Answer(tuple(answer.json()["ids"][0]), outcome, (int(scored), int(candidates)), added)


def summarise(
    collection: Collection, name: str, answers: Sequence[Answer], direct: Sequence[Answer] | None
) -> Pass:
    """Average one pass; `direct` is what it is compared with, if anything."""
    gains = _gains(collection, answers)
    added = [answer.added_ms for answer in answers]
    candidates = sum(answer.scored[1] for answer in answers)
    return Pass(
        collection=collection.name,
        name=name,
        queries=len(answers),
        ndcg=float(np.mean(gains)),
        change=mean_difference(_gains(collection, direct), gains) if direct else None,
        outcomes=dict(Counter(answer.outcome for answer in answers).most_common()),
        scored_share=sum(answer.scored[0] for answer in answers) / candidates if candidates else 0.0,
        added_ms_p50=float(np.quantile(added, 0.5)),
        added_ms_p95=float(np.quantile(added, 0.95)),
    )


def _gains(collection: Collection, answers: Sequence[Answer]) -> list[float]:
    return [
        ndcg(answer.ids, collection.grades[query], DEPTH)
        for query, answer in zip(collection.queries, answers, strict=True)
    ]


def print_table(passes: Sequence[Pass]) -> None:
    """Print one line per pass."""
    print(f"\n{'collection':<11}{'pass':<7}{'NDCG@10':>8}{'change':>9}{'95 % interval':>18}", end="")
    print(f"{'scored':>8}{'added p50':>11}{'p95':>9}  outcomes")
    for one in passes:
        change, interval = "", ""
        if one.change:
            change, interval = f"{one.change[0]:+.3f}", f"{one.change[1]:+.3f} .. {one.change[2]:+.3f}"
        print(f"{one.collection:<11}{one.name:<7}{one.ndcg:>8.3f}{change:>9}{interval:>18}", end="")
        print(f"{one.scored_share:>8.0%}{one.added_ms_p50:>8.1f} ms{one.added_ms_p95:>6.1f} ms", end="  ")
        print(", ".join(f"{outcome} {count}" for outcome, count in one.outcomes.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="NDCG@10 before and after reranking, cold and warm.")
    parser.add_argument("--collection", action="append", help="a folder of ../shared/data; may be repeated")
    parser.add_argument("--limit", type=int, help="ask only the first LIMIT queries")
    parser.add_argument("--budget-ms", type=float, help="budget of a search; the default policy's without it")
    parser.add_argument(
        "--memory-mb", type=int, default=512, help="memory for token matrices; both collections fit into 512"
    )
    parser.add_argument("--warm-passes", type=int, default=2, help="how often to ask once it is warm")
    parser.add_argument("--json", type=Path, default=KEPT / "quality.json", help="where to write the figures")
    options = parser.parse_args()
    options.collection = options.collection or ["scifact", "nfcorpus"]
    return options


if __name__ == "__main__":
    sys.exit(main())
