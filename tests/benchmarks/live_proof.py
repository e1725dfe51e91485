"""How soon interleaving tells which ranking is better, and how often it is wrong: 500 simulated experiments.

    python -m tests.benchmarks.live_proof

1. Power: the share of experiments that prefer the better ranking at p < .05, by exchanges and true lift.
2. Errors where neither is better: of the test that may be looked at all the time, and of a binomial test that
   is computed after every exchange as if it were the only time.
3. Errors where the same questions come again and again, by how their coins are thrown.

Pages are drawn by `proxy.stats.team_draft` and clicked on by the users of `clicks.py`; the rankings are made
up, and real ones of TREC DL 2019 where that is there. Takes two minutes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.stats.sequences import PreferenceTest
from tests.benchmarks import results
from tests.benchmarks.clicks import DRAFTS, Pages, Question, made_up
from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LEVEL = 0.05
MARKS = (100, 300, 1000, 3000)
SKILLS = (1.05, 1.1, 1.25, 1.5)
QUESTIONS = 1_000
REPEATED = 300  # questions that come again and again, the nth one 1 / n as often as the first
HOUR = 100  # exchanges, after which coins are thrown anew
FEWEST = 10  # exchanges before the binomial test is computed
TREC = DATA / "trec-dl-2019"
CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Power:
    """What became of experiments with one pair of rankings; shares are of the experiments, by `MARKS`.

    `preference` is the true mean of what an exchange says, from -1 to 1; `decisive` the share of exchanges
    that say anything. By then, `found` have come to prefer the right ranking, and `wrong`, at the end, the
    other one; `one_look` are found by a binomial test that is computed then and only then. `median` is after
    how many exchanges half of them have found out, None where fewer did.
    """

    rankings: str
    lift: float
    preference: float
    decisive: float
    found: Sequence[float]
    one_look: Sequence[float]
    wrong: float
    median: int | None


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of experiments that ever found a preference where there is none, of those after `MARKS`."""

    name: str
    counted: float
    ours: Sequence[float]
    peeked: Sequence[float]


class Pair(NamedTuple):
    """Two rankings of some questions; `everywhere` counts clicks on rows that both have in the same place."""

    name: str
    questions: Sequence[Question]
    everywhere: bool = False


class Watched(NamedTuple):
    """A test's p-value and mean after every exchange of every experiment: shape (experiments, exchanges)."""

    p: NDArray[np.float64]
    mean: NDArray[np.float64]


def main() -> int:
    """Simulate, print tables, write the figures."""
    options = _options()
    count = options.experiments
    powers = [power(pair, count) for pair in pairs()]
    print_powers(powers)
    errors = list(errors_without_preference(count))
    print_errors(errors)
    results.write(options.json, {"experiments": count, "marks": MARKS, "power": powers, "errors": errors})
    return 0


def pairs() -> Iterator[Pair]:
    """Yield rankings of which the second is the better one."""
    for skill in SKILLS:
        yield Pair(f"made up, skill {skill:g}", made_up(QUESTIONS, skill, seed=1))
    yield Pair(f"skill {SKILLS[1]:g}, all rows", made_up(QUESTIONS, SKILLS[1], seed=1), everywhere=True)
    if not TREC.is_dir():
        print(f"real rankings are left out: no {TREC}")
        return
    for name in ("D_BERT_KD_TASB", "SPLADE_P_P_ENSEMBLE_DISTIL"):
        yield Pair(f"BM25, {name.split('_P')[0]}", reranked("BM25", name))


def reranked(first: str, second: str) -> list[Question]:
    """Return the first candidates of one run in their order and in that of another run."""
    grades: dict[str, dict[str, int]] = {}
    for line in (TREC / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    runs = [_run(TREC / "runs" / f"{name}.trec") for name in (first, second)]
    questions = []
    for query, judged in grades.items():
        ids = runs[0][query][:CANDIDATES]
        better = {one: rank for rank, one in enumerate(runs[1][query])}
        order = sorted(range(len(ids)), key=lambda place: better.get(ids[place], len(better)))
        questions.append(Question([judged.get(one, 0) for one in ids], order))
    return questions


def _run(path: Path) -> Mapping[str, list[str]]:
    ranked: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        query, _, document, *_ = line.split()
        ranked.setdefault(query, []).append(document)
    return ranked


def power(pair: Pair, experiments: int) -> Power:
    """Run experiments in which every exchange asks some question, with coins of its own."""
    pages = Pages.of(pair.questions, seed=2)
    random = np.random.default_rng(3)
    shape = experiments, MARKS[-1]
    asked, drafts = random.integers(len(pair.questions), size=shape), random.integers(DRAFTS, size=shape)
    values = pages.votes(asked, drafts, random, everywhere=pair.everywhere)
    watched = watch(values)
    lift = float(np.mean([one.lift for one in pair.questions]))
    right = 1 if lift > 0 else -1
    at = np.array(MARKS) - 1
    found = (watched.p < LEVEL) & (np.sign(watched.mean) == right)
    ever = found.any(axis=1)
    binomial = looked(values)[:, at]
    return Power(
        pair.name,
        lift,
        float(values.mean()),
        float(np.mean(values != 0)),
        found[:, at].mean(axis=0).tolist(),
        binomial.mean(axis=0).tolist(),
        float(np.mean((watched.p[:, -1] < LEVEL) & (np.sign(watched.mean[:, -1]) != right))),
        int(np.median(np.where(ever, found.argmax(axis=1), MARKS[-1]))) + 1 if ever.mean() > 0.5 else None,
    )


def errors_without_preference(experiments: int) -> Iterator[Errors]:
    """Count what is found where both rankings are as good, and all questions come again."""
    pages = Pages.of(made_up(REPEATED, 1.0, seed=4), seed=5).without_preference()
    random = np.random.default_rng(6)
    shape = experiments, MARKS[-1]
    popularity = 1 / np.arange(1, REPEATED + 1)
    asked = random.choice(REPEATED, shape, p=popularity / popularity.sum())
    hours = np.broadcast_to(np.arange(MARKS[-1]) // HOUR, shape)
    once = random.integers(DRAFTS, size=(experiments, REPEATED))
    hourly = random.integers(DRAFTS, size=(experiments, hours.max() + 1, REPEATED))
    rows = np.arange(experiments)[:, None]
    per_question, per_hour = once[rows, asked], hourly[rows, hours, asked]
    fresh = pages.votes(asked, random.integers(DRAFTS, size=shape), random)
    yield errors("coins for every exchange", fresh)
    same = pages.votes(asked, per_question, random)
    yield errors("coins for every question", same)
    yield errors("coins for every question, one vote", first_votes(same, asked))
    renewed = pages.votes(asked, per_hour, random)
    yield errors("coins for every question and hour", renewed)
    one_vote = first_votes(renewed, asked + REPEATED * hours)
    yield errors("coins for every question and hour, one vote", one_vote)


def first_votes(votes: NDArray[np.float64], drafts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Keep the first vote on every draft of an experiment; the others become 0."""
    kept = np.zeros_like(votes)
    for row, line, keys in zip(kept, votes, drafts, strict=True):
        voted = np.flatnonzero(line)
        firsts = voted[np.unique(keys[voted], return_index=True)[1]]
        row[firsts] = line[firsts]
    return kept


def errors(name: str, values: NDArray[np.float64]) -> Errors:
    """Look at all votes after every exchange."""
    at = np.array(MARKS) - 1
    peeked = np.logical_or.accumulate(looked(values), axis=1)
    return Errors(
        name,
        float(np.mean(values != 0)),
        (watch(values).p[:, at] < LEVEL).mean(axis=0).tolist(),
        peeked[:, at].mean(axis=0).tolist(),
    )


def watch(values: NDArray[np.float64]) -> Watched:
    """Give every experiment's votes to a test."""
    p, mean = np.ones(values.shape), np.zeros(values.shape)
    for number, experiment in enumerate(values):
        test, voted = PreferenceTest(), np.flatnonzero(experiment)
        for place, until in pairwise([*voted.tolist(), experiment.size]):
            test.add(experiment[place])
            p[number, place:until], mean[number, place:until] = test.p_value, test.mean
    return Watched(p, mean)


def looked(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say where a binomial test of who got more clicks, computed there and nowhere else, has p < .05."""
    votes = np.cumsum(np.sign(values), axis=1).astype(int)
    voters = np.cumsum(values != 0, axis=1)
    found: NDArray[np.bool_] = (np.abs(votes) >= leads(values.shape[1])[voters]) & (voters >= FEWEST)
    return found


@cache
def leads(most: int) -> NDArray[np.intp]:
    """Return by how many of n votes one side has to be ahead at least, for n up to `most` (two-sided)."""
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 1)))))
    needed = np.empty(most + 1, np.intp)
    for voters in range(most + 1):
        ways = factorials[voters] - factorials[: voters + 1] - factorials[: voters + 1][::-1]
        chances = np.exp(ways - voters * np.log(2))
        # The chance of so many losers or fewer; most losers that are still too few to be an accident.
        losers = int(np.sum(2 * np.cumsum(chances) < LEVEL)) - 1
        needed[voters] = voters - 2 * losers
    return needed


def print_powers(powers: Sequence[Power]) -> None:
    """Print a line for each pair of rankings."""
    marks = "".join(f"{mark:>7}" for mark in MARKS)
    print(f"{'rankings':<22}{'lift':>7}{'prefer':>8}{'votes':>8} |{marks} |{marks} | wrong  median")
    for one in powers:
        found, once = ("".join(f"{share:>7.1%}" for share in shares) for shares in (one.found, one.one_look))
        head = f"{one.rankings:<22}{one.lift:>+7.3f}{one.preference:>+8.3f}{one.decisive:>8.0%}"
        print(f"{head} |{found} |{once} |{one.wrong:>6.1%}  {one.median or '-'}")
    print(
        "found by our test, looked at all the time | by a binomial test that is looked at then and only then"
    )


def print_errors(found: Sequence[Errors]) -> None:
    """Print a line for each way of throwing coins."""
    marks = "".join(f"{mark:>7}" for mark in MARKS)
    print(f"\n{'found though nothing is there':<46}{'votes':>6} |{marks} |{marks}")
    for one in found:
        ours, peeked = ("".join(f"{share:>7.1%}" for share in shares) for shares in (one.ours, one.peeked))
        print(f"{one.name:<46}{one.counted:>6.0%} |{ours} |{peeked}")
    print("by our test, looked at all the time | by a binomial test that is looked at all the time as well")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how soon interleaving tells which ranking is better")
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--json", type=Path, default=KEPT / "live_proof.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
