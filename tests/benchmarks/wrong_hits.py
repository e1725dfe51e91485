"""How often a near query is another question: wrong hits over the threshold, with and without guards.

    python -m tests.benchmarks.wrong_hits --plot docs/images/wrong-hits.png

A pair of queries is a hit when their cosine (all-MiniLM-L6-v2) reaches the threshold and no guard refuses; a
hit is wrong when people called the pair different questions. Reported are the half of Quora's question pairs
that nothing was chosen by, pairs of STS-B, and a replay of BANKING77: what is asked finds the nearest known
utterance that the guards let through, and is wrong when its intent is another. Half a minute, once the texts
are embedded (five minutes).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring.near_guards import ALL, Guard, QueryFeatures, features, refusal
from tests.benchmarks import query_pairs, results
from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.benchmarks.query_pairs import Intents, Pair

THRESHOLDS = (0.80, 0.85, 0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
DEFAULT = 0.95
WAYS: Mapping[str, frozenset[Guard]] = {
    "cosine alone": frozenset(),
    "all guards but content": ALL - {Guard.CONTENT},
    "all guards": ALL,
}
# Of a known utterance's neighbours, as a cache would look at them.
_NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Share:
    """A share of some count with its 95 % interval (Wilson 1927, without continuity correction)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, part: int, whole: int) -> Share:
        """Return the share; all that is possible where there is nothing to count."""
        if whole == 0:
            return cls(float("nan"), 0.0, 1.0)
        z, share = 1.96, part / whole
        middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
        off = z / (1 + z * z / whole) * (share * (1 - share) / whole + z * z / (4 * whole * whole)) ** 0.5
        return cls(share, max(0.0, middle - off), min(1.0, middle + off))

    def __str__(self) -> str:
        return f"{100 * self.value:5.2f} ({100 * self.low:5.2f} -{100 * self.high:6.2f})"


@dataclass(frozen=True, slots=True)
class Row:
    """What a threshold does to pairs; recall is the share of those that ask the same which hit."""

    threshold: float
    hits: int
    wrong: int
    wrong_of_hits: Share
    wrong_of_different: Share
    recall: Share


@dataclass(frozen=True, slots=True)
class Curve:
    """The rows of one way to decide."""

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a guard refuses of pairs above a threshold: all that it would, and what no other guard refuses."""

    guard: Guard
    different: int
    same: int
    different_alone: int
    same_alone: int


def main() -> int:
    """Measure, print, keep."""
    options = _options()
    if not query_pairs.exists("qqp", "stsb", "banking77"):
        print(f"skipped: the labelled pairs are not in {DATA}", file=sys.stderr)
        return 0
    chosen_by, held_out = query_pairs.question_pairs()
    known = _Known()
    report: dict[str, object] = {}
    for name, pairs in (
        ("question pairs, held out", held_out),
        ("question pairs, development", chosen_by),
        ("STS-B", query_pairs.sentence_pairs()),
    ):
        curves = [
            Curve(way, [row(pairs, threshold, known, guards) for threshold in THRESHOLDS])
            for way, guards in WAYS.items()
        ]
        _show(name, f"{len(pairs)} pairs, {sum(pair.same for pair in pairs)} the same", curves)
        report[name] = curves
        if pairs is held_out and options.plot is not None:
            from tests.benchmarks.wrong_hits_plot import draw

            draw(curves, options.plot)
    for threshold in (DEFAULT, 0.90):
        found = refusals(held_out, threshold, known)
        _show_refusals(threshold, found)
        report[f"refusals at {threshold}"] = found
    report["same words in the same order"] = _noise(held_out, known)
    report["intents"] = replay(*query_pairs.intents(), known)
    report["microseconds"] = _cost(held_out)
    results.write(options.json, report)
    return 0


class _Known(dict[str, QueryFeatures]):
    """Features of every query, computed once."""

    def __missing__(self, query: str) -> QueryFeatures:
        self[query] = found = features(query)
        return found

    def refuse(self, asked: str, known: str, guards: frozenset[Guard] = ALL) -> Guard | None:
        """Return the guard that refuses the pair."""
        return refusal(self[asked], self[known], guards) if guards else None


def row(pairs: Sequence[Pair], threshold: float, known: _Known, guards: frozenset[Guard]) -> Row:
    """Count the hits among labelled pairs."""
    hits = [
        pair
        for pair in pairs
        if pair.cosine >= threshold and known.refuse(pair.asked, pair.known, guards) is None
    ]
    same = sum(pair.same for pair in pairs)
    right = sum(pair.same for pair in hits)
    wrong = len(hits) - right
    return Row(
        threshold,
        len(hits),
        wrong,
        Share.of(wrong, len(hits)),
        Share.of(wrong, len(pairs) - same),
        Share.of(right, same),
    )


def refusals(pairs: Iterable[Pair], threshold: float, known: _Known) -> list[Refusals]:
    """Count what each guard refuses."""
    by = [
        (pair.same, [guard for guard in Guard if known.refuse(pair.asked, pair.known, frozenset((guard,)))])
        for pair in pairs
        if pair.cosine >= threshold
    ]
    counts = Counter((same, guard) for same, guards in by for guard in guards)
    alone = Counter((same, *guards) for same, guards in by if len(guards) == 1)
    return [
        Refusals(guard, counts[False, guard], counts[True, guard], alone[False, guard], alone[True, guard])
        for guard in Guard
    ]


def replay(known: Intents, asked: Intents, memo: _Known) -> dict[str, list[Row]]:
    """Ask each utterance with the others known: the nearest that is let through is its hit.

    Here `recall` is the share of all that were asked that hit with their own intent.
    """
    cosines = asked.vectors @ known.vectors.T
    nearest = np.argsort(-cosines, axis=1)[:, :_NEIGHBOURS]
    found: dict[str, list[Row]] = {}
    for name, guards in WAYS.items():
        rows = []
        for threshold in THRESHOLDS:
            hits = [
                next(
                    (
                        known.intents[place] == intent
                        for place in places
                        if cosine[place] >= threshold
                        and memo.refuse(text, known.texts[place], guards) is None
                    ),
                    None,
                )
                for text, intent, cosine, places in zip(
                    asked.texts, asked.intents, cosines, nearest, strict=True
                )
            ]
            right, wrong = hits.count(True), hits.count(False)
            shares = (Share.of(wrong, right + wrong), Share.of(wrong, len(hits)), Share.of(right, len(hits)))
            rows.append(Row(threshold, right + wrong, wrong, *shares))
        found[name] = rows
    curves = [Curve(name, rows) for name, rows in found.items()]
    _show("BANKING77, replayed", f"{len(asked.texts)} asked, {len(known.texts)} known", curves)
    return found


def _noise(pairs: Iterable[Pair], known: _Known) -> dict[str, object]:
    """Count the labels `different` where only grammar differs: how far people disagree about the same."""
    alike = [
        pair
        for pair in pairs
        if pair.cosine >= DEFAULT
        and known.refuse(pair.asked, pair.known) is None
        and known[pair.asked].order.sequence == known[pair.known].order.sequence
    ]
    share = Share.of(sum(not pair.same for pair in alike), len(alike))
    print(f"\nof {len(alike)} pairs with the same words in the same order, {share} % are labelled different")
    return {"pairs": len(alike), "labelled different": share}


def _cost(pairs: Sequence[Pair]) -> Mapping[str, float]:
    """Give the microseconds for a query's features, and for comparing two: the best of ten rounds."""
    near = [pair for pair in pairs if pair.cosine >= 0.9][:1000]
    read, compared = [], []
    for _ in range(10):
        start = perf_counter()
        both = [(features(pair.asked), features(pair.known)) for pair in near]
        middle = perf_counter()
        for one, other in both:
            refusal(one, other)
        read.append((middle - start) / (2 * len(near)))
        compared.append((perf_counter() - middle) / len(near))
    cost = {"features": 1e6 * min(read), "refusal": 1e6 * min(compared)}
    words = np.mean([len(pair.asked.split()) for pair in near])
    print(f"\n{words:.0f} words: read in {cost['features']:.0f} us, compared in {cost['refusal']:.0f} us")
    return cost


def _show(name: str, what: str, curves: Sequence[Curve]) -> None:
    print(f"\n{name}: {what}; percent, with 95 % intervals\n")
    head = ("threshold", "hits", "wrong", "wrong of hits", "wrong of different", "recall")
    for curve in curves:
        print(
            f"{curve.name}\n{head[0]:>9} {head[1]:>6} {head[2]:>6} {head[3]:>22} {head[4]:>22} {head[5]:>22}"
        )
        for one in curve.rows:
            shares = f"{one.wrong_of_hits!s:>22} {one.wrong_of_different!s:>22} {one.recall!s:>22}"
            print(f"{one.threshold:9.2f} {one.hits:6d} {one.wrong:6d} {shares}")


def _show_refusals(threshold: float, found: Iterable[Refusals]) -> None:
    print(f"\nrefused at {threshold}, held-out pairs: by each guard, and by it alone (different / same)\n")
    for one in found:
        alone = f"{one.different_alone:5d} /{one.same_alone:5d}"
        print(f"{one.guard:12} {one.different:5d} /{one.same:5d}   {alone}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="right and wrong hits of near queries")
    parser.add_argument("--json", type=Path, default=KEPT / "wrong_hits.json")
    parser.add_argument("--plot", type=Path, help="where to draw the curves, a PNG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
