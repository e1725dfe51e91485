"""`midrank eval` on judged collections, and whether another library comes to the same figures.

    python -m tests.benchmarks.evaluation --collection scifact --collection nfcorpus --collection arguana

Runs the command as it is typed: an index of all documents, the default policy and the one for low latency.
Every page of ids that it reports is measured again by ranx: NDCG, MRR and MAP should agree within 1e-6. The
HTML pages are left in `.bench/`. Embedding the documents takes some minutes the first time, and so does
reading them; then it takes two minutes. Without ranx it says so, and compares nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tests.benchmarks import results
from tests.benchmarks.judged import exists
from tests.benchmarks.shared import DATA, KEPT, REPO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxy.evaluation.judged import JudgedQuery

COLLECTIONS = ("scifact", "nfcorpus", "arguana")
POLICIES = ("chroma", "low-latency")
# Of arguana's 1,401 queries, each as long as a document.
LIMIT = 400
AGREEMENT = 1e-6
# What the command calls a measure, and ranx: with the gains and the discount of Järvelin & Kekäläinen.
MEASURES = {"NDCG@5": "ndcg@5", "NDCG@10": "ndcg@10", "MRR@10": "mrr@10", "MAP@10": "map@10"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One arm: means by the command, by ranx, and the largest difference for one query, by measure."""

    collection: str
    arm: str
    queries: int
    ours: dict[str, float]
    ranx: dict[str, float]
    largest: dict[str, float]


def main() -> int:
    """Evaluate, compare, print a table, write the figures; 1 if they differ."""
    options = _options()
    missing = [name for name in options.collection if not exists(name)]
    if missing:
        print(f"skipped: no {', '.join(missing)} in {DATA}")
        return 0
    compared = []
    for name in options.collection:
        found = evaluated(name, options)
        if find_spec("ranx") is None:
            print("not compared: no ranx, pip install 'midrank[bench]'")
        else:
            compared += compare(name, found, options.limit)
    print_table(compared)
    results.write(options.json, {"agreement": AGREEMENT, "arms": compared})
    return 0 if all(value <= AGREEMENT for one in compared for value in one.largest.values()) else 1


def evaluated(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the command, and return what it has written."""
    KEPT.mkdir(exist_ok=True)
    out = KEPT / f"eval-{name}.json"
    command = [sys.executable, "-m", "proxy", "eval", str(DATA / name), "--limit", str(options.limit)]
    command += [word for file in options.policy for word in ("--policy", str(file))]
    command += ["--json", str(out), "--html", str(out.with_suffix(".html"))]
    subprocess.run(command, check=True, cwd=REPO)
    found: dict[str, Any] = orjson.loads(out.read_bytes())
    return found


def compare(name: str, found: Mapping[str, Any], limit: int) -> list[Compared]:
    """Measure again what every arm has answered."""
    from proxy.evaluation.judged import read_beir

    queries = read_beir(DATA / name).queries[:limit]
    return [_again(name, arm, queries) for arm in found["arms"]]


def _again(name: str, arm: Mapping[str, Any], queries: Sequence[JudgedQuery]) -> Compared:
    import ranx

    asked = {one["query"]: one["ids"] for one in arm["asked"]}
    judgments = {query.id: {one: int(grade) for one, grade in query.relevant.items()} for query in queries}
    # ranx takes no empty answer; what nobody judged is worth the same.
    answers = {
        query.id: {one: float(-rank) for rank, one in enumerate(asked[query.id] or ["(nothing)"])}
        for query in queries
    }
    run = ranx.Run(answers)
    means = ranx.evaluate(ranx.Qrels(judgments), run, list(MEASURES.values()))
    theirs = {ours: float(means[ranxs]) for ours, ranxs in MEASURES.items()}
    ndcg5 = {one["query"]: one["ndcg5"] for one in arm["asked"]}
    each = max(abs(ndcg5[query] - float(value)) for query, value in run.scores["ndcg@5"].items())
    largest = {measure: abs(arm["measures"][measure] - theirs[measure]) for measure in MEASURES}
    return Compared(
        name, arm["name"], len(queries), dict(arm["measures"]), theirs, {**largest, "NDCG@5, a query": each}
    )


def print_table(compared: Sequence[Compared]) -> None:
    """Print an arm a line."""
    print(f"\n{'collection':<11}{'arm':<13}{'queries':>8}", end="")
    print("".join(f"{measure:>9}" for measure in MEASURES) + "   largest difference from ranx")
    for one in compared:
        figures = "".join(f"{one.ours[measure]:>9.4f}" for measure in MEASURES)
        print(f"{one.collection:<11}{one.arm:<13}{one.queries:>8}{figures}   {max(one.largest.values()):.1e}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="midrank eval, compared with ranx")
    parser.add_argument("--collection", action="append", help="a folder of ../shared/data; may be repeated")
    parser.add_argument("--policy", type=Path, action="append", help="may be repeated")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"queries of each (default {LIMIT})")
    parser.add_argument("--json", type=Path, default=KEPT / "evaluation.json", help="where the figures go")
    options = parser.parse_args()
    options.collection = options.collection or COLLECTIONS
    options.policy = options.policy or [REPO / "policies" / f"{name}.yaml" for name in POLICIES]
    return options


if __name__ == "__main__":
    sys.exit(main())
