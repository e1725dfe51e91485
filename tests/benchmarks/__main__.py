"""All benchmarks in a row: tables on screen, one JSON file each under `.bench/`.

`python -m tests.benchmarks` runs all of them, `python -m tests.benchmarks proxy_overhead` one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

BENCHMARKS = {
    "proxy_overhead": [],
    "scoring_latency": [],
    "quality": ["--collection", "scifact", "--collection", "nfcorpus"],
}
RESULTS = Path(__file__).parents[2] / ".bench"


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return 1 if one of them failed."""
    RESULTS.mkdir(exist_ok=True)
    failed = 0
    for name in names or BENCHMARKS:
        print(f"\n== {name}\n", flush=True)
        module = import_module(f"tests.benchmarks.{name}")
        failed |= module.main([*BENCHMARKS[name], "--json", str(RESULTS / f"{name}.json")])
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
