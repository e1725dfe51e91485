"""How the time that midrank adds grows with candidates and their length, and the line that says so.

    python -m tests.benchmarks.cost_growth --rounds 3 --json .bench/cost_growth.json

The cross-encoder, int8, over HTTP through a real process with all the time it wants; each round asks another
query. The line is fitted to relative errors: added = fixed + candidates x (each + tokens x per token).
With default settings it takes about a minute and a half.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import orjson
import uvloop
from tokenizers import Tokenizer

from tests.benchmarks import results, stage
from tests.benchmarks.client import ask_each
from tests.benchmarks.prose import QUERIES, WORDS
from tests.benchmarks.questions import Ask, Question
from tests.benchmarks.shared import CROSS_ENCODER, KEPT, NO_CACHE
from tests.fakes.servers import midrank_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.fakes.servers import Address

# Of a pair, on average: the query's, and the special ones.
_TOKENS_BESIDE_TEXT = 12


@dataclass(frozen=True, slots=True)
class Added:
    """Milliseconds added with so many candidates of so many tokens: the median, and each round's."""

    candidates: int
    tokens: int
    p50: float
    rounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Milliseconds for a search, for each candidate and for each token of it.

    `r2` is the share of the variance that the line explains, `worst` its largest relative error.
    """

    fixed: float
    candidate: float
    token: float
    r2: float
    worst: float


def main() -> int:
    """Run, print the table and the line, write the figures."""
    options = _options()
    if not CROSS_ENCODER.is_dir():
        print(f"skipped: no model in {CROSS_ENCODER}")
        return 0
    with midrank_over_prose(options.tokens, max(options.candidates)) as (midrank, questions):
        added = measure(midrank, questions, options.candidates, options.rounds)
    line = fit(added)
    print_table(added, line)
    results.write(options.json, {"unit": "milliseconds", "added": added, "line": line})
    return 0


@contextmanager
def midrank_over_prose(
    lengths: Sequence[int], most: int
) -> Iterator[tuple[Address, Mapping[int, Sequence[Question]]]]:
    """Run midrank over a store with so many texts of each length; give a question per query and length."""
    documents: dict[str, str] = {}
    questions: dict[int, list[Question]] = {}
    for length in lengths:
        ids = tuple(f"{length}-{place}" for place in range(most))
        documents |= dict(zip(ids, texts_of(length - _TOKENS_BESIDE_TEXT, most), strict=True))
        first = len(questions) * len(QUERIES)
        questions[length] = [Question(first + place, text, ids, {}) for place, text in enumerate(QUERIES)]
    everything = [question for some in questions.values() for question in some]
    rankings = [(question.ids, [place / most for place in range(most)]) for question in everything]
    models = {"default": {**stage.cross_encoder(), "max_tokens": 512, "max_search_tokens": 1048576}}
    window = {"min": 1, "max": most, "factor": 1}
    rules = [{"budget_ms": stage.NO_HURRY_MS, "candidates": window}]
    with TemporaryDirectory(prefix="midrank-bench-") as folder:
        file = Path(folder, "rows.json")
        file.write_bytes(orjson.dumps({"documents": documents, "rankings": rankings}))
        with (
            stage.ranked_store(file) as store,
            midrank_server("chroma", store, models=models, rules=rules, cache=NO_CACHE) as midrank,
        ):
            yield midrank.address, questions


def texts_of(tokens: int, count: int) -> list[str]:
    """Return texts of just so many tokens; the long ones overlap."""
    tokenizer = Tokenizer.from_file(str(CROSS_ENCODER / "tokenizer.json"))
    tokenizer.no_truncation()
    texts = []
    for start in np.linspace(0, len(WORDS) - tokens, count).astype(int):
        text = " ".join(WORDS[start : start + tokens])  # a word is a token or more
        read = tokenizer.encode(text, add_special_tokens=False)
        texts.append(text[: read.offsets[tokens - 1][1]])
    return texts


def measure(
    midrank: Address, questions: Mapping[int, Sequence[Question]], candidates: Sequence[int], rounds: int
) -> list[Added]:
    """Ask for every size once a round, one search at a time; the first round of all is not counted.

    Raises:
        AssertionError: some search was not reranked in full.
    """
    sizes = list(product(candidates, questions))
    taken: dict[tuple[int, int], list[float]] = {size: [] for size in sizes}
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        asks = [Ask(questions[tokens][number % len(QUERIES)], count) for count, tokens in sizes]
        for size, answer in zip(sizes, uvloop.run(ask_each(midrank, asks, at_once=1)), strict=True):
            if (answer.outcome, answer.scored) != ("reranked", size[0]):
                raise AssertionError(f"not reranked in full: {answer}")
            if number:
                taken[size].append(answer.added * 1000)
    return [Added(*size, statistics.median(times), tuple(times)) for size, times in taken.items()]


def fit(added: Sequence[Added]) -> Line:
    """Return the line with the least squared relative errors."""
    took = np.array([one.p50 for one in added])
    terms = np.array([(1, one.candidates, one.candidates * one.tokens) for one in added], float)
    factors = np.linalg.lstsq(terms / took[:, None], np.ones(len(took)), rcond=None)[0]
    line = terms @ factors
    r2 = 1 - np.sum((took - line) ** 2) / np.sum((took - took.mean()) ** 2)
    fixed, candidate, token = factors.tolist()
    return Line(fixed, candidate, token, float(r2), float(np.max(np.abs(line / took - 1))))


def print_table(added: Sequence[Added], line: Line) -> None:
    """Print medians, a row per number of candidates, and the line."""
    lengths = sorted({one.tokens for one in added})
    medians = {(one.candidates, one.tokens): one.p50 for one in added}
    print("\nadded ms, p50")
    print(f"{'candidates':>10}" + "".join(f"{f'{tokens} tokens':>13}" for tokens in lengths))
    for count in sorted({one.candidates for one in added}):
        print(f"{count:>10}" + "".join(f"{medians[count, tokens]:>13.1f}" for tokens in lengths))
    print(f"added ms = {line.fixed:.2f} + candidates x ({line.candidate:.3f} + {line.token:.5f} x tokens)")
    print(f"R2 {line.r2:.4f}, at most {line.worst:.0%} off")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how the added time grows")
    parser.add_argument("--candidates", type=int, nargs="+", default=[10, 20, 50, 100, 200])
    parser.add_argument("--tokens", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=KEPT / "cost_growth.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
