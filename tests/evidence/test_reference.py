"""A stronger model's opinion: what its scores mean, and that it is asked about one search at a time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.reference import Reference, grades_of
from proxy.model import Candidate, Outcome, Reason, Verdict
from proxy.scoring.ranker import Ranked
from tests.fakes.observations import candidates, observation


def opinion(scores, outcome=Outcome.RERANKED):
    """What a model says that gave these scores to the candidates in their order."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    verdict = Verdict(outcome, None, len(scores), len(scores))
    return Ranked(tuple(order), verdict, tuple(scores[place] for place in order), "reference")


class Model:
    """Gives the same scores to all, once it is let go on."""

    def __init__(self, scores):
        self.scores = scores
        self.asked = []
        self.go_on = asyncio.Event()

    async def rank(self, query, found, deadline):
        self.asked.append((query, deadline - asyncio.get_running_loop().time()))
        await self.go_on.wait()
        return opinion(self.scores)


async def until_done(reference):
    for look in tuple(reference._tasks._running):
        await look


@pytest.fixture
async def looking():
    references = []

    def make(model):
        found = []
        reference = Reference(
            model.rank, seconds=7, found=lambda seen, value: found.append((seen.query, value))
        )
        references.append(reference)
        return reference, found

    yield make
    for reference in references:
        await reference.close()


def test_grades_go_from_the_median_to_the_best():
    assert grades_of(candidates(5), opinion([0.0, 5.0, 3.0, -90.0, 1.0])) == {"d1": 1.0, "d2": 0.5}


def test_ties_stay_ties():
    assert grades_of(candidates(5), opinion([0, 2, 0, 2, 0])) == {"d1": 1.0, "d3": 1.0}


def test_whoever_sees_no_difference_has_no_opinion():
    assert grades_of(candidates(4), opinion([1.0, 1.0, 1.0, 1.0])) == {}
    assert grades_of(candidates(4), opinion([1.0, 1.0, 1.0, -5.0])) == {}


def test_half_an_opinion_is_none():
    """Rows that were not read have no grades, and the store's best are read first."""
    late = Ranked.store_order(4, Outcome.FALLBACK, Reason.LATE)

    assert grades_of(candidates(4), opinion([1, 2, 3, 4], Outcome.PARTIAL)) == {}
    assert grades_of(candidates(4), late) == {}


def test_a_document_that_was_found_twice_has_its_better_grade():
    found = (Candidate("a", "x"), Candidate("b", "y"), Candidate("a", "z"), Candidate("c", "w"))

    assert grades_of(found, opinion([4.0, 0.0, 2.0, 0.0]))["a"] == 1.0


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=12), st.integers(1, 9), st.integers(-20, 20))
def test_scales_do_not_matter(scores, factor, offset):
    grades = grades_of(candidates(len(scores)), opinion(scores))
    others = grades_of(candidates(len(scores)), opinion([factor * one + offset for one in scores]))

    assert grades == pytest.approx(others)
    assert all(0 < grade <= 1 for grade in grades.values())
    assert not grades or max(grades.values()) == 1


async def test_the_lift_is_told(looking):
    """The model is sure that d1 is best; the reranker put it first, from the second place."""
    model = Model([0, 9, 0, 0])
    reference, found = looking(model)
    model.go_on.set()

    reference.look(observation((1, 0, 2, 3), query="q"))
    await until_done(reference)

    assert found == [("q", pytest.approx(0.36907, abs=1e-4))]
    assert model.asked == [("q", pytest.approx(7, abs=0.5))]
    assert reference.totals() == {"looked": 1, "shed": 0, "failed": 0}


async def test_one_search_at_a_time_is_looked_at(looking):
    model = Model([0, 9, 0, 0])
    reference, found = looking(model)

    for query in ("first", "second", "third"):
        reference.look(observation((1, 0, 2, 3), query=query))
    model.go_on.set()
    await until_done(reference)
    reference.look(observation((1, 0, 2, 3), query="fourth"))
    await until_done(reference)

    assert [query for query, _ in found] == ["first", "fourth"]
    assert reference.totals() == {"looked": 2, "shed": 2, "failed": 0}


async def test_no_opinion_is_no_lift(looking):
    model = Model([1, 1, 1, 1])
    reference, found = looking(model)
    model.go_on.set()

    reference.look(observation((1, 0, 2, 3)))
    await until_done(reference)

    assert found == []
    assert reference.totals() == {"looked": 1, "shed": 0, "failed": 1}


async def test_closing_gives_up_what_is_looked_at(looking):
    reference, found = looking(Model([0, 9, 0, 0]))
    reference.look(observation((1, 0, 2, 3)))
    await asyncio.sleep(0)

    await reference.close()

    assert found == []
