"""A stream of searches as people in conversation make them; the same one for the same seed.

Two thirds are turns of TREC CAsT sessions, as their human rewrites: a visitor takes up a topic and asks its
turns in order. Some topics are much more popular than others (Zipf), so turns are asked again, word by
word; a third of the visitors leave in the middle for a turn of another topic. The others ask one question
of Quora's (QQP) in one of its phrasings that people have marked as the same question. Visits overlap in
time. Each visitor's app has a page size of its own, so the same question comes with other candidates.

The documents are the passages of CAsT and of SQuAD, ranked by the dense vectors of all-MiniLM-L6-v2: the
store's stand-in (`ranked_store.py`) knows a search by the first number of its vector.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import orjson

from tests.benchmarks.judged import embedded, exists, load
from tests.benchmarks.questions import INCLUDE, Ask, Question
from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

CORPORA = ("trec-cast", "squad-dev")
ZIPF = 0.9  # how fast popularity falls with rank
MOST_VISITS = 16  # at a time
TALKS = 0.2  # share of visits that are conversations, of some ten turns each
LEAVES = 1 / 3  # share of conversations that end early
FEWEST_PHRASINGS = 3
QUESTIONS = 400  # that are asked in several phrasings
PAGES = (4, 6, 8, 10)  # with the default factor of 5: windows of 20, 30, 40 and 50 candidates
ROWS = 60

# What a search is to those before it: the same words, the same question in other words, or neither.
Kind = Literal["repeated", "rephrased", "new"]


@dataclass(frozen=True, slots=True)
class Utterance(Question):
    """A query with its real vector; utterances of one `meaning` ask the same."""

    vector: tuple[float, ...]
    meaning: str

    def body(self, limit: int) -> bytes:
        """Return the search for a page of so many rows."""
        return orjson.dumps({"query_embeddings": [self.vector], "n_results": limit, "include": INCLUDE})


class Step(NamedTuple):
    """One search of the stream, and what it is to those before it."""

    ask: Ask
    kind: Kind


@dataclass(frozen=True, slots=True)
class Stream:
    """The searches in order, and the file that the stand-in reads."""

    steps: tuple[Step, ...]
    file: Path


class _Said(NamedTuple):
    text: str
    meaning: str


def missing() -> str | None:
    """Say what is not there to build the stream from, if anything."""
    found = all(exists(name) for name in CORPORA) and (DATA / "qqp" / "pairs.jsonl").exists()
    return None if found else f"no {', '.join(CORPORA)} or qqp in {DATA}"


def stream(searches: int, seed: int = 0) -> Stream:
    """Build the first searches of a seed's stream, and the file with the rows of each."""
    random = np.random.default_rng(seed)
    said = [line for line, _ in zip(_interleaved(random), range(searches), strict=False)]
    texts = list(dict.fromkeys(one.text for one, _ in said))
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    vectors = _with_own_firsts(embedded(f"conversations-{digest}", texts))
    file, rankings = _ranked(digest, vectors)
    meanings = {one.text: one.meaning for one, _ in said}
    known = {
        text: Utterance(
            number, text, tuple(rankings[number]), {}, tuple(vectors[number].tolist()), meanings[text]
        )
        for number, text in enumerate(texts)
    }
    return Stream(tuple(_told_apart([Ask(known[one.text], page) for one, page in said])), file)


def _told_apart(asks: Iterable[Ask]) -> Iterator[Step]:
    texts: set[str] = set()
    meanings: set[str] = set()
    for ask in asks:
        question = ask.question
        assert isinstance(question, Utterance)
        kind: Kind = (
            "repeated" if question.text in texts else "rephrased" if question.meaning in meanings else "new"
        )
        texts.add(question.text)
        meanings.add(question.meaning)
        yield Step(ask, kind)


def _interleaved(random: np.random.Generator) -> Iterator[tuple[_Said, int]]:
    """Yield what is said next by one of the visitors who are there, and the page size of that one's app."""
    visits = _visits(random)
    there = [(iter(next(visits)), int(random.choice(PAGES))) for _ in range(MOST_VISITS)]
    while True:
        place = int(random.integers(MOST_VISITS))
        visitor, page = there[place]
        said = next(visitor, None)
        if said is None:
            there[place] = (iter(next(visits)), int(random.choice(PAGES)))
        else:
            yield said, page


def _visits(random: np.random.Generator) -> Iterator[Sequence[_Said]]:
    talks, questions = _talks(), _questions()
    talks = [talks[place] for place in random.permutation(len(talks))]
    questions = [questions[place] for place in random.permutation(len(questions))[:QUESTIONS]]
    while True:
        if random.random() >= TALKS:
            phrasings = questions[_popular(random, len(questions))]
            yield [phrasings[int(random.integers(len(phrasings)))]]
            continue
        talk = talks[_popular(random, len(talks))]
        if random.random() < LEAVES:
            other = talks[_popular(random, len(talks))]
            talk = [*talk[: int(random.integers(1, len(talk)))], other[int(random.integers(len(other)))]]
        yield talk


def _popular(random: np.random.Generator, count: int) -> int:
    weights = 1 / np.arange(1, count + 1) ** ZIPF
    return int(random.choice(count, p=weights / weights.sum()))


def _talks() -> list[list[_Said]]:
    """Return the turns of every topic; a turn's own words are its meaning."""
    lines = (DATA / "trec-cast" / "turns.jsonl").read_bytes().splitlines()
    turns = [orjson.loads(line) for line in lines]
    return [
        [_Said(turn["rewritten"], turn["rewritten"]) for turn in topic]
        for _, topic in groupby(turns, key=lambda turn: (turn["year"], turn["topic"]))
    ]


def _questions() -> list[list[_Said]]:
    """Return the phrasings of every question: what is a duplicate of a duplicate asks the same."""
    heads: dict[str, str] = {}

    def head(text: str) -> str:
        while (above := heads.setdefault(text, text)) != text:
            text = above
        return text

    for line in (DATA / "qqp" / "pairs.jsonl").read_bytes().splitlines():
        pair = orjson.loads(line)
        if pair["label"]:
            heads[head(pair["text_a"])] = head(pair["text_b"])
    phrasings: dict[str, list[_Said]] = {}
    for text in list(heads):
        phrasings.setdefault(head(text), []).append(_Said(text, head(text)))
    return [several for several in phrasings.values() if len(several) >= FEWEST_PHRASINGS]


def _with_own_firsts(vectors: np.typing.NDArray[np.float32]) -> np.typing.NDArray[np.float32]:
    """Return the vectors with first numbers that differ, which is how the stand-in tells them apart."""
    told_apart = vectors.copy()
    firsts: set[float] = set()
    for vector in told_apart:
        while (first := float(vector[0])) in firsts:
            vector[0] = np.nextafter(vector[0], np.float32(2))
        firsts.add(first)
    return told_apart


def _ranked(digest: str, vectors: np.typing.NDArray[np.float32]) -> tuple[Path, list[list[str]]]:
    """Rank the documents for every vector; return the stand-in's file, and the ids alone."""
    documents = {f"{name}/{key}": text for name in CORPORA for key, text in load(name).documents.items()}
    known = np.concatenate(
        [embedded(f"{name}-documents", list(load(name).documents.values())) for name in CORPORA]
    )
    similar = vectors @ known.T
    best = np.argsort(-similar, axis=1, kind="stable")[:, :ROWS]
    ids = list(documents)
    rankings = [
        ([ids[place] for place in places], [round(1 - float(row[place]), 6) for place in places])
        for places, row in zip(best, similar, strict=True)
    ]
    file = KEPT / f"conversations-{digest}.json"
    firsts = [float(vector[0]) for vector in vectors]
    file.write_bytes(orjson.dumps({"documents": documents, "rankings": rankings, "numbers": firsts}))
    return file, [found for found, _ in rankings]
