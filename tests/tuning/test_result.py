"""What a sweep has found, as values, words and a table."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from proxy.tuning.points import Point, Tokens
from proxy.tuning.result import Result
from proxy.tuning.tables import shown
from proxy.tuning.trials import Row, Series


def series(name, *qualities, ms, outcome="reranked", tokens=None):
    point = Point((name,), 20, tokens, 100.0)
    return Series(point, tuple(Row(quality, quality, ms, outcome, None, 20) for quality in qualities))


def result(*some, store=0.5, cases=30, judged=True, longest=0.1):
    return Result(some, ((store, store),) * cases, ("NDCG@5", "NDCG@10"), judged=judged, longest=longest)


def printed(found):
    console = Console(file=StringIO(), width=120, highlight=False)
    console.print(shown(found))
    return console.file.getvalue()


FAST = series("fast", *[0.6] * 30, ms=10)
SLOW = series("slow", *[0.7] * 30, ms=90)
WASTE = series("waste", *[0.6] * 30, ms=50, tokens=Tokens(128, 64))
LATE = series("late", *[0.9] * 30, ms=200)
LEFT = series("left", *[0.5] * 10, ms=20)


def test_points_are_told_apart():
    found = result(SLOW, LEFT, LATE, WASTE, FAST)

    assert found.complete == (FAST, WASTE, SLOW, LATE)
    assert found.frontier == (FAST, SLOW, LATE)
    assert found.left_out == (LEFT,)
    assert (found.chosen, found.best) == (SLOW, SLOW)
    assert found.lifts[FAST.point] == pytest.approx((0.1, 0.1, 0.1))
    assert found.shortfalls[FAST.point] == pytest.approx((-0.1, -0.1, -0.1))
    assert found.shortfalls[LEFT.point] == (pytest.approx(-0.2), None, None)


def test_the_table_marks_the_frontier_and_the_choice():
    text = printed(result(SLOW, LEFT, LATE, WASTE, FAST))
    lines = text.splitlines()
    names = ("fast", "slow", "waste", "late", "left")
    marks = {name: next(line[0] for line in lines if f" {name} " in line) for name in names}

    assert "30 cases; NDCG@5 of the store's order: .500" in text
    assert marks == {"fast": "*", "slow": ">", "waste": " ", "late": "*", "left": " "}
    assert "128:64" in text
    assert "Left out after fewer cases:" in text


def test_a_lift_that_is_too_small_is_probably_not_worth_it():
    found = result(series("weak", *[0.51] * 30, ms=10))

    assert found.sentences[0] == (
        "Probably not worth a reranker: no point within 100 ms at p99 lifts NDCG@5 by .030; the best one's "
        "lift is +.010 (95 % +.010 to +.010)."
    )
    assert found.sentences[1].startswith("Of the chosen point: Probably not worth it")


def test_a_worthwhile_lift_is_told_as_the_evaluation_does():
    assert result(SLOW).sentences == (
        "Worth it: NDCG@5 rises by .200 (95 % +.200 to +.200) for 90 ms more at p99.",
    )


def test_a_verdict_on_short_pages_names_them():
    found = Result((SLOW,), ((0.5, 0.5),) * 30, ("NDCG@5 (of 3 rows)", ""), judged=True, longest=0.1)

    assert found.sentences[0].startswith("Worth it: NDCG@5 (of 3 rows) rises by .200")


def test_searches_that_fell_back_are_told():
    found = result(series("m", *[0.7] * 30, ms=90, outcome="fallback"))

    assert "100 % fell back to the store's order" in found.sentences[0]


def test_of_budgets_that_make_no_difference_the_smallest_is_chosen():
    enough = Series(SLOW.point._replace(budget_ms=80.0), series("slow", *[0.7] * 30, ms=95).rows)
    late = Series(SLOW.point._replace(budget_ms=70.0), series("slow", *[0.7] * 30, ms=150).rows)
    worse = Series(SLOW.point._replace(budget_ms=60.0), series("slow", *[0.6] * 30, ms=20).rows)

    assert result(SLOW, enough, late, worse).chosen is enough


def test_nothing_fast_enough_is_nothing_to_choose():
    found = result(LATE)

    assert found.chosen is None
    assert found.sentences == ("No point keeps within 100 ms at p99; the fastest takes 200 ms.",)
    assert found.as_json()["points"][0]["to_chosen"] is None
    assert "late" in printed(found)


def test_what_nobody_judged_is_not_called_good():
    assert result(SLOW, judged=False).sentences == (
        "Nobody has judged these searches: whether any order is good, they can't tell.",
    )


def test_of_a_few_queries_nothing_is_concluded():
    """A bootstrap of three queries is sure of what three queries happen to say."""
    best = series("best", 0.6, 0.9, 1.0, ms=10)
    found, enough = result(best, cases=3), result(FAST, LEFT)

    assert found.lifts[best.point] == (pytest.approx(1 / 3), None, None)
    assert found.as_json()["points"][0]["lift"][1:] == [None, None]
    assert found.sentences == ("Can't tell: 3 queries are too few to go by: ask 50 or more.",)
    assert "3 queries are too few" in result(best, cases=3, judged=False).sentences[1]
    text = printed(found)
    assert " +.333 " in text
    assert "(+" not in text
    assert "With fewer than 25 cases no interval is told." in text
    assert "+.100 (+.100 to +.100)" in printed(enough)
    assert "+.000 (" not in next(line for line in printed(enough).splitlines() if " left " in line)


def test_the_time_of_a_point_is_one_that_was_measured():
    point = series("m", 0.5, ms=1).point
    rows = tuple(Row(0.5, 0.5, float(ms), "reranked", None, 20) for ms in (3, 1, 2, 9))

    assert Series(point, rows).added == (0.002, 0.009, 0.009)
