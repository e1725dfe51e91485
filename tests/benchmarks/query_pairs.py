"""Labelled pairs of queries, and how near all-MiniLM-L6-v2 puts them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from tests.benchmarks.judged import embedded
from tests.benchmarks.shared import DATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Pair(NamedTuple):
    """Two queries, whether people called them the same question, and their cosine."""

    asked: str
    known: str
    same: bool
    cosine: float


class Intents(NamedTuple):
    """Utterances with their intents, and unit vectors, float32, shape (n, 384)."""

    texts: Sequence[str]
    intents: Sequence[str]
    vectors: NDArray[np.float32]


def exists(*names: str) -> bool:
    """Say whether the sets are there."""
    return all((DATA / name).is_dir() for name in names)


def question_pairs() -> tuple[list[Pair], list[Pair]]:
    """Return Quora's question pairs in two halves: one to choose by, one to report.

    No text is in both: pairs that share a text, also by way of others, go to the same half, by its hash.
    """
    rows = _lines(DATA / "qqp" / "pairs.jsonl")
    first = _clusters([(row["text_a"], row["text_b"]) for row in rows])
    halves: tuple[list[Pair], list[Pair]] = ([], [])
    for row, pair in zip(rows, _pairs("qqp", rows, "text_a", "text_b"), strict=True):
        same = row["label"] == 1
        half = hashlib.sha256(first[row["text_a"]].encode()).digest()[0] & 1
        halves[half].append(pair._replace(same=same))
    return halves


def sentence_pairs() -> list[Pair]:
    """Return pairs of STS-B that people called the same (4.5 of 5 or more) or not (below 3)."""
    rows = _lines(DATA / "stsb" / "pairs.jsonl")
    pairs = zip(rows, _pairs("stsb", rows, "sentence1", "sentence2"), strict=True)
    return [pair._replace(same=row["score"] >= 4.5) for row, pair in pairs if not 3 <= row["score"] < 4.5]


def intents() -> tuple[Intents, Intents]:
    """Return BANKING77's utterances: those to be known, and those that are asked."""
    rows = _lines(DATA / "banking77" / "utterances.jsonl")
    vectors = _vectors("banking77", [row["text"] for row in rows])
    splits = [
        Intents(
            [row["text"] for row in chosen],
            [row["intent"] for row in chosen],
            np.stack([vectors[row["text"]] for row in chosen]),
        )
        for chosen in ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    ]
    return splits[0], splits[1]


def _clusters(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return, for each text, the first in the alphabet of all that hang together with it."""
    above: dict[str, str] = {}

    def top(text: str) -> str:
        while (higher := above.setdefault(text, text)) != text:
            above[text] = above[higher]
            text = higher
        return text

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        above[high] = low
    return {text: top(text) for text in above}


def _pairs(name: str, rows: Sequence[dict[str, str]], one: str, other: str) -> list[Pair]:
    vectors = _vectors(name, [row[side] for row in rows for side in (one, other)])
    return [Pair(row[one], row[other], False, float(vectors[row[one]] @ vectors[row[other]])) for row in rows]


def _vectors(name: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    once = list(dict.fromkeys(texts))
    return dict(zip(once, embedded(f"{name}-texts", once), strict=True))


def _lines(path: Path) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
