"""The demo's questions and their graded answers.

They were written before any search or reranker was run on them, and are never changed after a result was
seen: a question on which reranking does badly stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its answers: document name -> 3 the answer, 2 a good alternative, 1 related help."""

    id: str
    text: str
    relevant: Mapping[str, int]

    def known_to(self, documents: Collection[str]) -> Question:
        """Return the question without answers that this Python's library doesn't document."""
        known = {name: grade for name, grade in self.relevant.items() if name in documents}
        return Question(self.id, self.text, known)


def read_questions() -> tuple[Question, ...]:
    """Read the questions that ship with midrank."""
    content = orjson.loads(files("proxy.demo").joinpath("questions.json").read_bytes())
    return tuple(Question(item["id"], item["text"], item["relevant"]) for item in content["questions"])
