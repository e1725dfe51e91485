"""All points on a few cases, fewer points on more; and what was measured is not measured again."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.offline.workplace import OutOfReach
from proxy.tuning.journal import open_journal
from proxy.tuning.points import Point, Tokens
from proxy.tuning.result import Result
from proxy.tuning.sweep import FEW, Sweep, Terms, rounds
from tests.fakes.odd_scorers import Crashing, Reversing, TermOverlap
from tests.tuning.made import Learning, cases, policy

MODELS = {name: {"kind": "late_interaction"} for name in ("good", "bad")}
GOOD, BAD = (Point((name,), 12, None, 1000.0) for name in ("good", "bad"))
POINTS = [
    Point((name,), depth, tokens, 1000.0)
    for name, depth, tokens in itertools.product(("bad", "good"), (4, 8, 12), (Tokens(64), None))
]


class Spoiling(TermOverlap):
    """Puts last what is wanted first."""

    def formula(self, job):
        return -super().formula(job)


def sweep(journal, points=POINTS, count=20, scorers=None, **terms):
    made = policy(models=MODELS, rules=[{"rerank": ["good", "bad"], "budget_ms": 1000}])
    return Sweep(
        made,
        made.rules[0],
        points,
        cases(count),
        Terms(**{"first": 5, "longest": 10.0, **terms}),
        journal,
        scorers=scorers or {"good": TermOverlap(name="good"), "bad": Spoiling(name="bad")},
    )


async def swept(path, **keys):
    with open_journal(path) as journal:
        return await sweep(journal, **keys).run()


@given(st.integers(1, 200), st.integers(1, 500), st.integers(1, 100))
def test_rounds_use_all_cases_and_fewer_points_each_time(points, total, first):
    found = rounds(points, total, first)

    assert found[0].start == 0
    assert found[0].points == points
    assert found[-1].stop == total
    for one, following in itertools.pairwise(found):
        assert one.stop == following.start < following.stop <= 2 * one.stop
        assert min(FEW, one.points) <= following.points <= one.points
    assert found[0].stop == min(first, total)


async def test_good_points_are_measured_on_all_cases_and_others_on_some(tmp_path):
    series, store = await swept(tmp_path / "journal")
    counts = {one.point: len(one.rows) for one in series}

    assert [one.point for one in series] == POINTS
    assert sorted(counts.values()) == [5] * 6 + [10] * 2 + [20] * 4
    # The relevant row is the seventh: with fewer candidates it is not found.
    assert {point for point, count in counts.items() if count == 20} == {
        point for point in POINTS if point.models == ("good",) and point.depth > 6
    }
    assert store == ((0.0, 0.0),) * 20


async def test_qualities_are_ndcg(tmp_path):
    series, _ = await swept(tmp_path / "journal", points=[GOOD, BAD])

    assert [one.quality for one in series] == [1.0, 0.0]
    assert [one.share("reranked") for one in series] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (3, ("NDCG@5 (of 3 rows)", "NDCG@10 (of 3 rows)")),
        (5, ("NDCG@5", "NDCG@10 (of 5 rows)")),
        (10, ("NDCG@5", "NDCG@10")),
    ],
)
def test_of_short_pages_it_is_told_that_there_are_no_more_rows(tmp_path, rows, names):
    with open_journal(tmp_path / "journal") as journal:
        one = replace(sweep(journal), cases=cases(3, limit=rows))

    assert one.names == names
    assert replace(one, terms=one.terms._replace(reference=GOOD)).names == ("RBO", "overlap@5")


async def test_what_was_measured_is_not_measured_again(tmp_path):
    first = await swept(tmp_path / "journal")
    known = (tmp_path / "journal").read_bytes()
    scorers = {"good": TermOverlap(name="good"), "bad": Reversing(name="bad")}

    assert await swept(tmp_path / "journal", scorers=scorers) == first
    assert (tmp_path / "journal").read_bytes() == known
    assert not scorers["good"].jobs
    assert not scorers["bad"].jobs


@pytest.mark.parametrize("finished", [0, 1, 5, 12, 13])
async def test_a_sweep_that_was_ended_is_gone_on_with(tmp_path, finished):
    whole = await swept(tmp_path / "whole")
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "part").write_bytes(b"".join(lines[:finished]) + b'{"id":"torn')
    gone_on = await swept(tmp_path / "part")
    again = (tmp_path / "part").read_bytes().splitlines(keepends=True)

    assert again[:finished] == lines[:finished]
    # All of the first round, and the points that are measured to the end: what is between, chance decides.
    assert {line[:40] for line in again[:12]} == {line[:40] for line in lines[:12]}
    assert [one.qualities for one in gone_on[0] if one.quality] == [
        one.qualities for one in whole[0] if one.quality
    ]


async def test_other_cases_are_measured_anew(tmp_path):
    await swept(tmp_path / "journal", points=[GOOD], count=3)
    scorer = TermOverlap(name="good")
    await swept(tmp_path / "journal", points=[GOOD], count=4, scorers={"good": scorer})

    assert {job.query for job in scorer.jobs} == {f"topic {number}" for number in range(4)}


async def test_texts_are_known_where_that_is_wanted(tmp_path):
    """Warm: every case once before those that are measured. Cold: each point begins with nothing."""
    asked = {}
    for state in ("warm", "cold"):
        scorer = Learning(name="good")
        await swept(tmp_path / "journal", points=[GOOD], count=5, scorers={"good": scorer}, state=state)
        asked[state] = len(scorer.jobs)

    assert asked == {"warm": 10, "cold": 5}


async def test_without_judgments_a_reference_is_what_counts(tmp_path):
    """Each agrees with itself; the one's first row is the other's last, and in the store's middle."""
    series, store = await swept(tmp_path / "journal", points=[GOOD, BAD], reference=GOOD)
    again, _ = await swept(tmp_path / "journal", points=[GOOD, BAD], reference=BAD)

    assert series[0].quality == pytest.approx(1.0)
    assert again[1].quality == pytest.approx(1.0)
    assert 0 < series[1].quality < 1
    assert 0 < store[0][0] < 1


async def test_progress_is_told(tmp_path):
    told = {"done": 0, "known": 0}

    def count(what):
        return lambda more: told.update({what: told[what] + more})

    for _ in range(2):
        with open_journal(tmp_path / "journal") as journal:
            one = sweep(journal)
            moving = type(one)(
                **{name: getattr(one, name) for name in one.__slots__}
                | {"done": count("done"), "known": count("known")}
            )
            await moving.run()

    assert told == {"done": one.work, "known": one.work}


async def test_a_model_that_fails_for_a_case_is_told_in_its_rows(tmp_path):
    series, _ = await swept(
        tmp_path / "journal", points=[BAD], count=4, scorers={"bad": Crashing(name="bad")}
    )

    assert series[0].share("fallback") == 1.0
    assert {row.reason for row in series[0].rows} <= {"scorer_error", "breaker_open"}


async def test_a_model_that_is_not_there_ends_it(tmp_path):
    class Unfit(Reversing):
        async def start(self):
            raise ZeroDivisionError

    with pytest.raises(OutOfReach):
        await swept(tmp_path / "journal", points=[BAD], scorers={"bad": Unfit(name="bad")})


async def test_the_result_has_a_choice_and_advice(tmp_path):
    series, store = await swept(tmp_path / "journal", count=30)
    result = Result(series, store, ("NDCG@5", "NDCG@10"), judged=True, longest=10.0)

    assert result.chosen.quality == 1.0
    assert result.lifts[result.chosen.point] == (1.0, 1.0, 1.0)
    assert result.sentences[0].startswith("Worth it: NDCG@5 rises by 1.000")
    assert {one.point for one in result.complete} | {one.point for one in result.left_out} == set(POINTS)
    told = result.as_json()
    assert [one["chosen"] for one in told["points"]].count(True) == 1
    assert [one["cases"] for one in told["points"]] == [30] * 4 + [20] * 2 + [5] * 6 or told["cases"] == 30
