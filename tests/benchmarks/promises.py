"""Whether the policies keep their promise: each at what it can just rerank in full, with arrivals at random.

    python -m tests.benchmarks.promises --seconds 20 --json .bench/promises.json

Models, budget and rules are those of the files; only addresses and the cross-encoder's place are put in.
Load, store and questions are those of `overload.py`. Capacity is that of a process that has seen all
documents. The load is put on a fresh process (cold), and again once that has seen them and has nothing more
to do (warm). With default settings it takes about 6 minutes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
import yaml

from proxy.policy import Candidates
from tests.benchmarks import results, stage
from tests.benchmarks.client import ask_each, open_loop
from tests.benchmarks.processes import wait_until_idle
from tests.benchmarks.questions import PAGES, Ask, prepare
from tests.benchmarks.shared import CROSS_ENCODER, KEPT, NO_CACHE, REPO
from tests.benchmarks.tally import Row, Terms, print_rows, tally
from tests.fakes.servers import midrank_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.questions import Questions
    from tests.fakes.servers import Address

POLICIES = ("low-latency", "balanced", "quality")


@dataclass(frozen=True, slots=True)
class Promise:
    """A policy, its budget, what it reranks in full in searches per second, and what came of that load."""

    policy: str
    budget_ms: float
    capacity: float
    rows: tuple[Row, ...]


def main() -> int:
    """Run, print tables, write the figures; fails if any search was answered wrongly or not at all."""
    options = _options()
    if why := stage.missing(options.collection):
        print(f"skipped: {why}")
        return 0
    questions = prepare(options.collection, options.questions)
    with stage.ranked_store(questions.file) as store:
        promises = [measure(name, store, questions, options) for name in options.policies]
    results.write(options.json, {"seconds": options.seconds, "promises": promises})
    return 1 if any(row.errors for promise in promises for row in promise.rows) else 0


def measure(name: str, store: Address, questions: Questions, options: argparse.Namespace) -> Promise:
    """Measure a policy's capacity, then put its multiple on a fresh process, twice."""
    policy = read(REPO / "policies" / f"{name}.yaml")
    (rule,) = policy["rules"]
    everything = [Ask(question, max(PAGES)) for question in questions.all]
    with midrank_server("chroma", store, **with_budget(policy, stage.NO_HURRY_MS)) as midrank:
        uvloop.run(ask_each(midrank.address, everything, at_once=stage.AT_ONCE))
        capacity = stage.capacity(midrank.address, questions, options.capacity_seconds)
    print(f"\n{name}: {capacity:.2f} searches/s in full", flush=True)
    window = Candidates(**rule.get("candidates", {})).window
    terms = Terms(rule["budget_ms"] / 1000, stage.store_time(store, questions), window)
    with midrank_server("chroma", store, **policy) as midrank:

        def under_load(name: str) -> Row:
            asks = questions.asks(seed=0)
            load = open_loop(
                midrank.address, asks, rate=options.load * capacity, seconds=options.seconds, seed=0
            )
            return tally(name, uvloop.run(load), options.seconds, terms)

        cold = under_load("cold")
        uvloop.run(ask_each(midrank.address, everything, at_once=1))
        wait_until_idle(midrank.pid)
        rows = (cold, under_load("warm"))
    print_rows(rows, terms.budget)
    return Promise(name, rule["budget_ms"], capacity, rows)


def read(file: Path) -> dict[str, Any]:
    """Return a policy without its addresses, and with the test model wherever it has a cross-encoder."""
    policy: dict[str, Any] = yaml.safe_load(file.read_text())
    models = {
        name: {**model, "model": str(CROSS_ENCODER)} if model["kind"] == "cross_encoder_onnx" else model
        for name, model in policy.get("models", {}).items()
    }
    rest = {key: value for key, value in policy.items() if key not in {"stores", "admin", "models"}}
    return {**rest, "cache": NO_CACHE, **({"models": models} if models else {})}


def with_budget(policy: Mapping[str, Any], budget_ms: float) -> dict[str, Any]:
    """Return a policy with another budget in every rule."""
    return {**policy, "rules": [{**rule, "budget_ms": budget_ms} for rule in policy["rules"]]}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="whether the policies keep their budgets")
    parser.add_argument(
        "--policies", nargs="+", default=list(POLICIES), help="files of policies/, without .yaml"
    )
    parser.add_argument("--load", type=float, default=1, help="times the policy's capacity")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--capacity-seconds", type=float, default=20)
    parser.add_argument("--collection", default="squad-dev", help="a folder of ../shared/data")
    parser.add_argument("--questions", type=int, default=60, help="how many different ones")
    parser.add_argument("--json", type=Path, default=KEPT / "promises.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
