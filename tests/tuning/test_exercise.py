"""Cases through a rule's scorers: as searches are served, without a store."""

from __future__ import annotations

import gc

import pytest

from proxy.errors import BadConfig, Mistake
from proxy.model import Attempt, Outcome, Reason
from proxy.offline.workplace import OutOfMoney, OutOfReach
from proxy.scoring.llm.spending import Purse
from proxy.tuning.exercise import Bench
from tests.fakes.odd_scorers import Crashing, Halfway, Hanging, Refusing, Reversing, ShortSighted, TermOverlap
from tests.tuning.made import Learning, case, cases, policy


async def trial_of(scorer, one=None, **rule):
    made = policy(rules=[rule])
    async with Bench(made, made.rules, scorers={"default": scorer}) as bench:
        return await bench.trial(made.rules[0], one or case(0))


async def test_the_rows_of_the_window_are_ranked_and_the_others_follow():
    scorer = Reversing()
    trial = await trial_of(scorer, candidates={"min": 4, "max": 4})

    assert trial.order == (3, 2, 1, 0, 4, *range(5, 12))
    assert (trial.verdict.outcome, trial.verdict.scored, trial.wanted) == (Outcome.RERANKED, 4, 4)
    assert trial.seconds > 0
    assert len(scorer.jobs[0].texts) == 4


async def test_a_page_is_fetched_whole_though_fewer_rows_are_ranked():
    trial = await trial_of(Reversing(), case(0, limit=6), candidates={"min": 2, "max": 2})

    assert trial.order[:6] == (1, 0, 2, 3, 4, 5)


async def test_a_search_is_as_deep_as_models_are_likely_to_reach():
    """Half as deep again as is predicted, but the page at least: as the plan of a served search is."""
    scorer = ShortSighted(sees=6)
    trial = await trial_of(scorer, candidates={"min": 12, "max": 12})

    assert len(scorer.jobs[0].texts) == 9
    assert (trial.verdict.outcome, trial.verdict.reason) == (Outcome.PARTIAL, Reason.LATE)
    assert (trial.verdict.candidates, trial.wanted) == (12, 12)


async def test_a_budget_is_a_deadline():
    scorer = Hanging()
    trial = await trial_of(scorer, budget_ms=5)

    assert (trial.verdict.outcome, trial.verdict.reason) == (Outcome.FALLBACK, Reason.LATE)
    assert trial.order == tuple(range(12))


@pytest.mark.parametrize(
    ("scorer", "outcome"),
    [(Crashing, Outcome.FALLBACK), (Refusing, Outcome.FALLBACK), (Halfway, Outcome.PARTIAL)],
)
async def test_what_fails_is_told_as_it_is_to_callers(scorer, outcome):
    assert (await trial_of(scorer())).verdict.outcome is outcome


async def test_the_stores_scores_are_blended_in():
    trial = await trial_of(Reversing(), blend=0.9)

    assert trial.order[0] == 0


async def test_nothing_is_kept_of_scores():
    scorer = TermOverlap()
    made = policy(rules=[{"cache": {"semantic": {}}}])
    async with Bench(made, made.rules, scorers={"default": scorer}) as bench:
        trials = [await bench.trial(made.rules[0], case(0)) for _ in range(3)]

    assert [trial.verdict.known for trial in trials] == [0, 0, 0]
    assert len(scorer.jobs) == 3


async def test_a_page_behind_the_window_is_the_stores():
    one = case(0)._replace(page=slice(10, 12))
    trial = await trial_of(Reversing(), one, candidates={"min": 4, "max": 4})

    assert trial.order == tuple(range(12))
    assert (trial.verdict.outcome, trial.verdict.reason) == (Outcome.PASSED, Reason.BEYOND_WINDOW)


async def test_models_that_learn_texts_see_all_of_them_before():
    """Also behind another one, which would have the first word."""
    first, second = TermOverlap(name="first"), Learning(name="second")
    models = {name: {"kind": "late_interaction"} for name in ("first", "second")}
    made = policy(models=models, rules=[{"rerank": ["first", "second"], "budget_ms": 1}])
    async with Bench(made, made.rules, scorers={"first": first, "second": second}) as bench:
        await bench.warm(made.rules[0], cases(9))

    assert {job.query for job in second.jobs} == {f"topic {number}" for number in range(9)}
    assert 0 < len(first.jobs) < 9


async def test_a_model_that_can_not_be_loaded_ends_it():
    class Unfit(Reversing):
        async def start(self):
            raise BadConfig((Mistake("f", "k", "v", "else"),))

    with pytest.raises(OutOfReach, match="model_failed"):
        await trial_of(Unfit())


async def test_an_api_that_does_not_take_the_key_ends_it():
    with pytest.raises(OutOfReach, match="remote_denied"):
        await trial_of(Refusing(reason=Reason.REMOTE_DENIED))


async def test_it_ends_where_money_does():
    purse = Purse(1.0)
    made = policy()
    async with Bench(made, made.rules, purse=purse, scorers={"default": Reversing()}) as bench:
        await bench.trial(made.rules[0], case(0))
        assert not await purse.hold(2.0)
        with pytest.raises(OutOfMoney):
            await bench.trial(made.rules[0], case(1))


async def test_several_models_are_asked_as_the_rule_says():
    models = {name: {"kind": "late_interaction"} for name in ("first", "second")}
    made = policy(models=models, rules=[{"rerank": ["first", "second"]}])
    scorers = {"first": Crashing(name="first"), "second": Reversing(name="second")}
    async with Bench(made, made.rules, scorers=scorers) as bench:
        trial = await bench.trial(made.rules[0], case(0))

    assert trial.verdict.attempts == (Attempt("first", Reason.SCORER_ERROR), Attempt("second"))


async def test_the_garbage_collector_is_left_as_it_was():
    await trial_of(Reversing())

    assert gc.get_freeze_count() == 0
