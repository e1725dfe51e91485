"""The deadline holds, whatever a scorer does."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest

from proxy.model import Attempt, Candidate, Outcome, Reason, Verdict
from proxy.scoring.ranker import Ranker
from proxy.scoring.tiers import Tiers
from tests.fakes.odd_scorers import (
    FAULTY,
    Crashing,
    FormulaScorer,
    Halfway,
    Hanging,
    NeverReady,
    Reversing,
    TermOverlap,
)

# Long enough for any scorer here that answers at all.
AMPLE = 30.0


def candidates(*texts):
    return [Candidate(str(index), text) for index, text in enumerate(texts)]


FIVE = candidates("a", "b", "c", "d", "e")


async def rank(scorer, over=FIVE, *, query="q", window=50, budget=AMPLE):
    await asyncio.wait_for(scorer.start(), 1)
    ranker = Ranker(scorer)
    try:
        return await ranker.rank(
            query, over, window=window, deadline=asyncio.get_running_loop().time() + budget
        )
    finally:
        await scorer.close()
        await ranker.close()


async def test_candidates_stand_by_score():
    ranked = await rank(Reversing())

    assert ranked.order == (4, 3, 2, 1, 0)
    assert ranked.verdict == Verdict(Outcome.RERANKED, None, 5, 5)
    assert ranked.scorer == "reversing"


async def test_only_the_window_is_scored():
    scorer = Reversing()

    ranked = await rank(scorer, window=3)

    assert ranked.order == (2, 1, 0, 3, 4)
    assert scorer.jobs[0].texts == ("a", "b", "c")


async def test_hits_without_text_are_not_scored():
    scorer = Reversing()

    ranked = await rank(scorer, candidates("a", None, "c"))

    assert ranked.order == (2, 0, 1)
    assert scorer.jobs[0].texts == ("a", "c")


async def test_what_was_scored_in_time_counts():
    ranked = await rank(Halfway(), candidates("x", "q", "y", "z"))

    assert ranked.order == (1, 0, 2, 3)
    assert ranked.verdict == Verdict(Outcome.PARTIAL, Reason.LATE, 2, 4)


@pytest.mark.parametrize(
    ("over", "reason"),
    [([], Reason.TOO_FEW), (FIVE[:1], Reason.TOO_FEW), (candidates(None, None), Reason.NO_TEXT)],
)
async def test_where_there_is_nothing_to_rank_no_scorer_runs(over, reason):
    scorer = Reversing()

    ranked = await rank(scorer, over)

    assert ranked.verdict == Verdict(Outcome.PASSED, reason, 0, len(over))
    assert scorer.jobs == []


@pytest.mark.parametrize("make", [make for make in FAULTY if make not in (Hanging, NeverReady)])
async def test_a_scorer_that_fails_leaves_the_store_s_order(make):
    ranked = await rank(make())

    assert ranked.order == (0, 1, 2, 3, 4)
    assert ranked.verdict.outcome is Outcome.FALLBACK
    assert ranked.scores is None


async def test_a_scorer_that_hangs_and_swallows_its_cancellation_is_left_behind():
    ranked = await rank(Hanging(), budget=0.05)

    assert ranked.order == (0, 1, 2, 3, 4)
    assert ranked.verdict.reason is Reason.LATE


async def test_a_scorer_that_is_not_ready_is_not_waited_for():
    ranker = Ranker(NeverReady())

    ranked = await ranker.rank("q", FIVE, window=5, deadline=asyncio.get_running_loop().time() + AMPLE)

    assert ranked.verdict.reason is Reason.WARMING


async def test_a_spent_budget_starts_no_scorer():
    scorer = Reversing()

    ranked = await rank(scorer, budget=0)

    assert ranked.verdict.reason is Reason.NO_BUDGET
    assert scorer.jobs == []


async def test_integers_are_not_scores():
    class Integers(FormulaScorer):
        def formula(self, job):
            return np.zeros(len(job.texts), dtype=np.int64)

    assert (await rank(Integers())).verdict.reason is Reason.BAD_SCORES


async def test_a_cancellation_that_escapes_from_a_scorer_is_not_the_request_s():
    class Escaping(FormulaScorer):
        async def score(self, job):
            raise asyncio.CancelledError

    assert (await rank(Escaping())).verdict.reason is Reason.SCORER_ERROR


async def test_what_is_not_scores_at_all_is_an_error_of_the_scorer():
    class Silent(FormulaScorer):
        async def score(self, job):
            return None

    assert (await rank(Silent())).verdict.reason is Reason.SCORER_ERROR


async def test_a_caller_that_leaves_cancels_its_scoring():
    class Waiting(FormulaScorer):
        cancelled = False

        async def score(self, job):
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled = True

    scorer = Waiting()
    await scorer.start()
    ranker = Ranker(scorer)
    task = asyncio.get_running_loop().create_task(
        ranker.rank("q", FIVE, window=5, deadline=asyncio.get_running_loop().time() + AMPLE)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    assert scorer.cancelled


async def test_a_crash_is_logged_without_any_text(caplog):
    with caplog.at_level(logging.INFO):
        await rank(Crashing(), candidates("secret text", "b"), query="secret query")

    assert [record.getMessage() for record in caplog.records] == ["scorer failed"]
    assert "secret" not in caplog.records[0].getMessage()


async def test_two_hundred_rankings_at_once_do_not_mix():
    scorer = TermOverlap()
    await scorer.start()
    ranker = Ranker(scorer)
    deadline = asyncio.get_running_loop().time() + AMPLE
    over = candidates(*(f"word{number}" for number in range(200)))

    ranked = await asyncio.gather(
        *(ranker.rank(f"word{number}", over, window=200, deadline=deadline) for number in range(200))
    )

    assert [one.order[0] for one in ranked] == list(range(200))


async def blend(scorer, scores, weight):
    """Rank candidates that have the store's scores."""
    await scorer.start()
    ranker = Ranker(scorer)
    over = [Candidate(str(place), text, score) for place, (text, score) in enumerate(scores)]
    deadline = asyncio.get_running_loop().time() + AMPLE
    return await ranker.rank("q", over, window=50, deadline=deadline, blend=weight)


SIMILAR = [("a", 0.9), ("b", 0.4), (None, 0.35), ("c", 0.3)]


async def test_without_a_weight_the_store_s_scores_do_not_matter():
    assert (await blend(Reversing(), SIMILAR, 0.0)).order == (3, 1, 0, 2)


async def test_with_a_weight_they_do():
    ranked = await blend(Reversing(), SIMILAR, 0.6)

    assert ranked.order == (0, 3, 1, 2)
    assert ranked.verdict == Verdict(Outcome.RERANKED, None, 3, 3)


async def test_the_scores_that_are_told_are_those_of_the_order():
    ranked = await blend(Reversing(), SIMILAR, 0.6)

    assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
    # Of 0, 1, 2 and of 0.9, 0.4, 0.3: standardised by hand, 0.4 of the one and 0.6 of the other.
    assert ranked.scores[:2] == pytest.approx(
        (0.4 * -1.22474 + 0.6 * 1.39700, 0.4 * 1.22474 + 0.6 * -0.88900), abs=1e-4
    )


async def test_what_a_scorer_has_tried_is_told_also_when_it_is_not_waited_for():
    class Silent(FormulaScorer):
        async def score(self, job):
            await asyncio.Event().wait()

    tiers = Tiers([Crashing(ready=True), Silent(name="silent", ready=True)])
    ranked = await rank(tiers, budget=0.02)

    assert ranked.verdict.reason is Reason.LATE
    assert ranked.verdict.attempts == (
        Attempt("crashing", Reason.SCORER_ERROR),
        Attempt("silent", Reason.LATE),
    )
