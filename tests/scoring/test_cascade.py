"""A cheap order first, a better one at its top."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import ScoreJob
from proxy.scoring.cascade import Cascade
from proxy.scoring.order import order_by_score
from proxy.scoring.tiers import Tiers
from tests.fakes.odd_scorers import Crashing, FormulaScorer, NeverReady, Refusing, Reversing


@dataclass
class Listed(FormulaScorer):
    """Scores each text by a table; a text that is not in it was not reached."""

    name: str = "listed"
    table: dict[str, float] = field(default_factory=dict)

    def formula(self, job: ScoreJob):
        return np.array([self.table.get(text, np.nan) for text in job.texts], dtype=np.float32)


async def order(better, cheap, texts="abcdef", *, top=3) -> str:
    for scorer in (better, cheap):
        await scorer.start()
    scores = await Cascade(better, cheap, top=top).score(ScoreJob("q", tuple(texts), float("inf")))
    ordered = order_by_score(scores.values, range(len(texts)), len(texts))
    return "".join(texts[place] for place in ordered)


CHEAP = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0, "f": 6.0}


async def test_the_better_one_orders_the_top_of_what_the_cheap_one_found():
    better = Listed(table={"f": 0.1, "e": 0.2, "d": 0.3})
    assert await order(better, Listed(table=CHEAP)) == "defcba"
    assert better.jobs[0].texts == ("f", "e", "d")


async def test_what_the_better_one_did_not_reach_keeps_its_cheap_place():
    assert await order(Listed(table={"f": 0.1, "d": 0.3}), Listed(table=CHEAP)) == "defcba"
    assert await order(Listed(table={"f": 0.1}), Listed(table=CHEAP)) == "fedcba"


async def test_what_the_cheap_one_did_not_reach_keeps_the_store_s_place():
    some = {"a": 1.0, "c": 3.0, "e": 5.0}
    better = Listed(table={"a": 9.0, "c": 8.0, "e": 7.0})
    assert await order(better, Listed(table=some)) == "abcdef"
    assert better.jobs[0].texts == ("e", "c", "a")


@pytest.mark.parametrize("better", [Crashing, Refusing])
async def test_the_cheap_order_stands_if_the_better_one_fails(better):
    assert await order(better(), Listed(table=CHEAP)) == "fedcba"


async def test_the_better_one_orders_all_if_the_cheap_one_fails():
    assert await order(Reversing(), Crashing()) == "fedcba"


async def test_if_both_fail_there_are_no_scores():
    with pytest.raises(Unscored, match=Reason.OVERLOADED):
        await order(Refusing(), Crashing())


async def test_the_cheap_one_has_half_of_the_time():
    better, cheap = Listed(table=CHEAP, ready=True), Listed(table=CHEAP, ready=True)
    now = asyncio.get_running_loop().time()
    await Cascade(better, cheap, top=3).score(ScoreJob("q", tuple("abc"), now + 10))
    assert cheap.jobs[0].deadline == pytest.approx(now + 5, abs=0.5)
    assert better.jobs[0].deadline == now + 10


async def test_equal_scores_are_dealt_out_as_falling_ones():
    """An order that two scorers made can't be told by scores that are equal."""
    better = Listed(table={"c": 2.0, "b": 1.0, "a": 0.0})
    assert await order(better, Listed(table=dict.fromkeys("abcdef", 1.0))) == "cbadef"


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3, width=32)), min_size=30, max_size=30),
    st.integers(2, 30),
)
def test_only_the_top_is_touched_and_scores_fall(cheap, better, top):
    texts = tuple(str(number) for number in range(len(cheap)))
    tables = [
        {text: score for text, score in zip(texts, scores, strict=False) if score is not None}
        for scores in (cheap, better)
    ]
    if not tables[0]:
        return
    scorers = [Listed(table=table, ready=True) for table in tables]
    cascade = Cascade(scorers[1], scorers[0], top=top)
    scores = asyncio.run(cascade.score(ScoreJob("q", texts, float("inf")))).values
    before = np.array([np.nan if one is None else one for one in cheap], dtype=np.float32)
    assert np.array_equal(np.isnan(scores), np.isnan(before))
    plain, found = (
        [
            place
            for place in order_by_score(values, range(len(texts)), len(texts))
            if not np.isnan(values[place])
        ]
        for values in (before, scores)
    )
    assert sorted(plain[:top]) == sorted(found[:top])
    assert plain[top:] == found[top:]


async def test_a_cascade_names_and_describes_itself():
    cascade = Cascade(NeverReady(), Reversing(ready=True), top=2)
    assert (cascade.name, cascade.ready, cascade.pointwise) == ("reversing>never_ready", True, False)
    assert cascade.usual_reach(1.0).texts == float("inf")


async def test_both_are_attempts():
    cheap, better = Reversing(ready=True), Crashing(ready=True)
    job = ScoreJob("q", ("a", "b"), float("inf"))
    await Cascade(Tiers([better]), Tiers([cheap]), top=2).score(job)

    assert [(one.model, one.reason) for one in job.attempts] == [
        ("reversing", None),
        ("crashing", Reason.SCORER_ERROR),
    ]
