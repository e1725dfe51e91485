"""The searches of the load tests: judged questions, each with the rows that its store has for it.

A question is recognised by the first number of its vector, so that the stand-in for the store
(`ranked_store.py`) has nothing to compute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np
import orjson

from proxy.stats.ndcg import ndcg
from tests.benchmarks.judged import embedded, load
from tests.benchmarks.shared import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

DEPTH = 10  # of NDCG
MOST_ROWS = 100  # the store has no more rows to a question
# Rows per page, drawn evenly: with the default factor of 5, windows of 20 to 50 candidates.
PAGES = range(4, 11)
INCLUDE = ("documents", "distances")


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the ids that the store has for it, best first, and the grades of relevant documents."""

    number: int
    text: str
    ids: tuple[str, ...]
    grades: Mapping[str, int]

    def body(self, limit: int) -> bytes:
        """Return the search for a page of so many rows, as Chroma's clients write it: about 4 KB."""
        vector = [self.number, *_REST_OF_VECTOR]
        return orjson.dumps({"query_embeddings": [vector], "n_results": limit, "include": INCLUDE})

    @property
    def header(self) -> tuple[str, str]:
        """The header that tells midrank the query's text."""
        return "x-midrank-query", quote(self.text)

    def gain(self, ids: Sequence[str]) -> float:
        """Return NDCG@10 of a page; of a page shorter than that, the rows that it lacks count as misses."""
        return ndcg(ids, self.grades, DEPTH)

    def reranked(self, order: Sequence[str], window: int, limit: int) -> list[str]:
        """Return the page that reranking all of the window gives, from the `order` of all rows."""
        visible = set(self.ids[:window])
        return [one for one in order if one in visible][:limit]


class Ask(NamedTuple):
    """One search: a question, and the rows of the page that is asked for."""

    question: Question
    limit: int

    @property
    def store_page(self) -> tuple[str, ...]:
        """The page in the store's order."""
        return self.question.ids[: self.limit]


@dataclass(frozen=True, slots=True)
class Questions:
    """All questions, and the file that the stand-in reads: `{documents, rankings: [[ids, distances]]}`."""

    collection: str
    all: tuple[Question, ...]
    file: Path

    def asks(self, seed: int) -> Iterator[Ask]:
        """Yield searches without end: every question once in random order, then all again in another."""
        random = np.random.default_rng(seed)
        while True:
            for place in random.permutation(len(self.all)):
                yield Ask(self.all[place], int(random.choice(PAGES)))


def prepare(name: str, count: int) -> Questions:
    """Draw questions from a judged collection and rank its documents for each, or read what is kept."""
    collection = load(name)
    judged = sorted(collection.queries)
    drawn = np.random.default_rng(0).choice(len(judged), min(count, len(judged)), replace=False)
    collection = replace(collection, queries={judged[one]: collection.queries[judged[one]] for one in drawn})
    documents = embedded(f"{name}-documents", list(collection.documents.values()))
    queries = embedded(f"{name}-drawn", list(collection.queries.values()))
    similar = queries @ documents.T
    best = np.argsort(-similar, axis=1, kind="stable")[:, :MOST_ROWS]
    ids = list(collection.documents)
    rankings = [
        ([ids[place] for place in places], [round(1 - float(row[place]), 6) for place in places])
        for places, row in zip(best, similar, strict=True)
    ]
    shown = {one: collection.documents[one] for found, _ in rankings for one in found}
    file = KEPT / f"{name}-ranked-{len(rankings)}.json"
    file.write_bytes(orjson.dumps({"documents": shown, "rankings": rankings}))
    questions = (
        Question(number, text, tuple(found), collection.grades[query])
        for number, ((query, text), (found, _)) in enumerate(
            zip(collection.queries.items(), rankings, strict=True)
        )
    )
    return Questions(name, tuple(questions), file)


_REST_OF_VECTOR = [round((index * 7919 % 2000 - 1000) / 1000.7, 7) for index in range(383)]
