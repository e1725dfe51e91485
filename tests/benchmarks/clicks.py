"""Users who click on interleaved pages: from the top down, drawn by relevance, tired by and by.

The dependent click model (Guo, Liu & Wang, "Efficient multiple-click models in web search", WSDM 2009), as
interleaving is usually tried with (Hofmann, Whiteson & de Rijke, TOIS 31(4), 2013), with the addition that
some users leave between any two rows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from proxy.evidence.shown import neutral_places
from proxy.stats.ndcg import ndcg
from proxy.stats.team_draft import team_draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PAGE = 10
# By grade 0 to 3: the chance that a row that is read is clicked on, and then that this was all.
CLICKS = np.array([0.05, 0.3, 0.6, 0.9])
CONTENT = np.array([0.2, 0.3, 0.5, 0.8])
READS_ON = 0.9  # without a click, to the next row
DRAFTS = 16  # of each question, each with its own coins


class Question(NamedTuple):
    """Candidates of a search: their grades in the first ranking's order, and the second ranking of them."""

    grades: Sequence[int]
    second: Sequence[int]

    @property
    def lift(self) -> float:
        """NDCG@5 of the second ranking less that of the first."""
        known = {str(place): grade for place, grade in enumerate(self.grades)}
        return ndcg([str(place) for place in self.second], known, 5) - ndcg(list(known), known, 5)


@dataclass(frozen=True, slots=True)
class Pages:
    """Drafts of every question, the first page of each: arrays of shape (questions, drafts, rows).

    `teams` are -1 and 1; rows that both captains would have taken are not `told_apart`.
    """

    grades: NDArray[np.intp]
    teams: NDArray[np.int8]
    told_apart: NDArray[np.bool_]

    @classmethod
    def of(cls, questions: Sequence[Question], seed: int) -> Pages:
        """Draw the drafts."""
        coins = random.Random(seed)
        shape = len(questions), DRAFTS, PAGE
        grades, teams, told_apart = (np.empty(shape, kind) for kind in (np.intp, np.int8, bool))
        for number, question in enumerate(questions):
            told_apart[number] = [not neutral for neutral in islice(neutral_places(question.second), PAGE)]
            for draft in range(DRAFTS):
                order, whose = team_draft(range(len(question.grades)), question.second, coins)
                grades[number, draft] = [question.grades[place] for place in order[:PAGE]]
                teams[number, draft] = [2 * team - 1 for team in whose[:PAGE]]
        return cls(grades, teams, told_apart)

    def without_preference(self) -> Pages:
        """Return the same pages, half of the drafts with the teams exchanged: on average nobody is ahead."""
        half = range(DRAFTS // 2)
        twins = [*half, *half]
        teams = self.teams[:, twins]
        teams[:, len(half) :] *= -1
        return Pages(self.grades[:, twins], teams, self.told_apart[:, twins])

    def votes(
        self,
        questions: NDArray[np.intp],
        drafts: NDArray[np.intp],
        users: np.random.Generator,
        *,
        everywhere: bool = False,
    ) -> NDArray[np.float64]:
        """Show the pages; return who got more clicks: 1 the second ranking, -1 the first, 0 neither.

        Rows at which the rankings don't differ yet count for nobody, unless `everywhere`.
        """
        reads = np.ones(questions.shape, bool)
        lead: NDArray[np.float64] = np.zeros(questions.shape)
        for row in range(PAGE):
            grades = self.grades[questions, drafts, row]
            clicked = reads & (users.random(questions.shape) < CLICKS[grades])
            counts = clicked if everywhere else clicked & self.told_apart[questions, drafts, row]
            lead += counts * self.teams[questions, drafts, row]
            stays = np.where(clicked, 1 - CONTENT[grades], READS_ON)
            reads &= users.random(questions.shape) < stays
        return np.sign(lead)


def made_up(count: int, skill: float, seed: int) -> list[Question]:
    """Return questions whose rankings guess grades, with errors that agree in part.

    A skill of 1 makes the second guess as good as the first.
    """
    random = np.random.default_rng(seed)
    grades = np.array([3, 2, 2, 1, 1, 1, *[0] * 14])
    questions = []
    for _ in range(count):
        known = random.permutation(grades)
        error, other = random.normal(size=(2, known.size))
        first = np.argsort(-(known + 1.5 * error), kind="stable")
        guess = (skill * known + 1.5 * (0.7 * error + 0.51**0.5 * other))[first]
        questions.append(Question(known[first].tolist(), np.argsort(-guess, kind="stable").tolist()))
    return questions
