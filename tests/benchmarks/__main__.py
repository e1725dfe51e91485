"""All benchmarks in a row: tables on screen, one JSON file each under `.bench/`.

`python -m tests.benchmarks` runs all of them, `python -m tests.benchmarks proxy_overhead` one. How long each
takes is said at its head; all of them take about an hour.
"""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.shared import KEPT

BENCHMARKS = (
    "proxy_overhead",
    "scoring_latency",
    "quality",
    "evaluation",
    "local_rerankers",
    "gpu_rerank",
    "blend",
    "near_lookup",
    "wrong_hits",
    "cache_quality",
    "cache_lookup",
    "cache_replay",
    "cache_failure",
    "remote_faults",
    "throughput",
    "cost_growth",
    "prediction",
    "overload",
    "promises",
    "warm_up",
    "isolation",
    "rerank_api",
    "recording",
    "running_bounds",
    "live_proof",
    "harm_week",
    "watching",
    "tracing",
    "reload",
    "rolling",
)


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return how many failed."""
    KEPT.mkdir(exist_ok=True)
    failed = 0
    for name in names or BENCHMARKS:
        print(f"\n== {name}\n", flush=True)
        # In a process of its own each: one pins itself to a CPU, another loads torch.
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--json", str(KEPT / f"{name}.json")]
        failed += subprocess.run(command, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
