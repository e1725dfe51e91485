"""What rerankers said about the candidates of judged questions, kept in a file so that it is asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from proxy.stats.ndcg import ndcg
from tests.benchmarks.judged import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.judged import Collection

DEPTH = 10  # of NDCG
# How many candidates there are: a reranker scores the first of them, then the others.
CANDIDATES = (20, 50)


class Question(NamedTuple):
    """A query, its candidates in the store's order, and the grades of relevant documents."""

    id: str
    text: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    grades: Mapping[str, int]


class Answer(NamedTuple):
    """Scores of the first candidates, as far as they were asked for, and the milliseconds until each step.

    `failed` is the reason why there are no more.
    """

    scores: Sequence[float] = ()
    milliseconds: Sequence[float] = ()
    failed: str = ""

    def has(self, count: int) -> bool:
        """Whether so many candidates are scored."""
        return len(self.scores) >= count


class Kept:
    """Answers in a file, a line each; the last one of a question and a reranker counts."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._answers: dict[tuple[str, str], Answer] = {}
        for line in file.read_bytes().splitlines() if file.exists() else ():
            kept = orjson.loads(line)
            self._answers[kept["query"], kept["name"]] = Answer(*kept["answer"])

    @property
    def names(self) -> list[str]:
        """The rerankers that have answered."""
        return list(dict.fromkeys(name for _, name in self._answers))

    def get(self, question: Question, name: str) -> Answer:
        """Return an answer, or an empty one."""
        return self._answers.get((question.id, name), Answer())

    def put(self, question: Question, name: str, answer: Answer) -> None:
        """Keep an answer."""
        self._answers[question.id, name] = answer
        with self._file.open("ab") as file:
            file.write(orjson.dumps({"query": question.id, "name": name, "answer": tuple(answer)}) + b"\n")

    def of(self, name: str, questions: Sequence[Question]) -> list[tuple[Question, Answer]]:
        """Return what a reranker has answered of these questions."""
        return [(one, self._answers[one.id, name]) for one in questions if (one.id, name) in self._answers]


def candidates_of(collection: Collection, count: int) -> list[Question]:
    """Draw questions, always in the same order, and find their candidates."""
    documents = embedded(f"{collection.name}-documents", list(collection.documents.values()))
    queries = embedded(f"{collection.name}-queries", list(collection.queries.values()))
    ids, texts = list(collection.documents), list(collection.documents.values())
    judged = list(collection.queries)
    drawn = np.random.default_rng(0).permutation(len(judged))[:count]
    questions = []
    for place in drawn:
        nearest = np.argsort(-(documents @ queries[place]), kind="stable")[: CANDIDATES[-1]]
        questions.append(
            Question(
                judged[place],
                collection.queries[judged[place]],
                tuple(ids[one] for one in nearest),
                tuple(texts[one] for one in nearest),
                collection.grades[judged[place]],
            )
        )
    return questions


def store_gain(question: Question) -> float:
    """Return NDCG@10 of the store's order."""
    return ndcg(question.ids, question.grades, DEPTH)


def gain(question: Question, answer: Answer, count: int) -> float:
    """Return NDCG@10 of the reranked candidates; of the store's order where there are no scores."""
    if not answer.has(count):
        return store_gain(question)
    order = np.argsort(-np.array(answer.scores[:count]), kind="stable")
    return ndcg([question.ids[place] for place in order], question.grades, DEPTH)
