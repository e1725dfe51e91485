"""Cases through the real models of a policy, one after the other, as searches are served; without a store.

The window is the rule's, narrowed by what the models are likely to reach, as `plan` does it, and the deadline
is the rule's budget. What is not there is the store, and the reading and writing of its format, which takes a
millisecond or two. Nothing is kept of scores: it is reading that costs, and that is measured.
"""

from __future__ import annotations

import asyncio
import gc
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Self

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.app import App
from proxy.model import Outcome, Reason, Search
from proxy.offline.choice import scorers_of, without_stores
from proxy.offline.workplace import OutOfMoney, OutOfReach
from proxy.plan import Prospect, make_plan
from proxy.policy import Rule
from proxy.policy_cache import RuleCache
from proxy.scoring.base import NOTHING
from proxy.scoring.llm.spending import Purse
from proxy.scoring.ranker import Ranked
from proxy.scoring.warm_up import Learner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from proxy.model import Verdict
    from proxy.plan import SearchPlan
    from proxy.policy import Policy
    from proxy.scoring.base import ModelScorer
    from proxy.tuning.cases import Case

# Seconds for a case when nobody waits: a limit that only ends what would never end.
NO_HURRY = 3600.0
# Cases that are ranked before others are measured, by models that learn nothing from them: the first calls of
# a process are slower than all others.
_FIRST_CALLS = 3
_NO_HEADERS = CIMultiDictProxy(CIMultiDict[str]())
_KEEP_NOTHING = RuleCache(exact="off")
_UNHURRIED = Rule.model_construct(**{**dict(Rule()), "cache": _KEEP_NOTHING, "budget_ms": NO_HURRY * 1000})
# What no later case would be spared, and people have to see to.
_HOPELESS = frozenset((Reason.MODEL_FAILED, Reason.REMOTE_DENIED))


class Trial(NamedTuple):
    """What came of a case: all its candidates by place, best first, and how that came about.

    `scores`, if any, are those of the first places of `order`. `seconds` are what was added to the search.
    `wanted` is how many candidates the rule asks for; where the case has fewer, a store might have had more.
    """

    order: tuple[int, ...]
    verdict: Verdict
    scores: tuple[float, ...] | None
    seconds: float
    wanted: int = 0


class Bench:
    """The models that some rules of a policy name, loaded inside of an `async with` block."""

    def __init__(
        self,
        policy: Policy,
        rules: Sequence[Rule],
        *,
        purse: Purse | None = None,
        scorers: Mapping[str, ModelScorer] | None = None,
    ) -> None:
        """Take rules that are not off; `purse` pays for calls, `scorers` stand in for models, for tests."""
        self.rules = tuple(rules)
        self._purse = purse or Purse()
        self._measured = {rule: rule.model_copy(update={"cache": _KEEP_NOTHING}) for rule in rules}
        # Each model by itself, however it is used: a second one has texts to learn too.
        names = dict.fromkeys(name for rule in rules for name in rule.rerank)
        self._alone = {name: _UNHURRIED.model_copy(update={"rerank": (name,)}) for name in names}
        used = without_stores(policy, *self._measured.values(), *self._alone.values())
        self._scorers = (
            {name: scorers[name] for name in names}
            if scorers is not None
            else scorers_of(used, self._purse, bounded=False)
        )
        self._app = App(used, scorers=self._scorers)

    async def __aenter__(self) -> Self:
        """Load the models.

        Raises:
            OutOfReach: one of them can't be loaded; the log says why.
        """
        try:
            await self._app.start()
            await self._app.loaded()
            self._check_loaded()
        except BaseException:
            await self._app.close()
            raise
        # As when serving: to look through all that is loaded takes longer than many searches do.
        gc.freeze()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the models go."""
        gc.unfreeze()
        await self._app.close()

    async def warm(self, rule: Rule, cases: Sequence[Case]) -> None:
        """Rank cases in no hurry by each model of a rule, unmeasured.

        Those that know texts again read all that they may be asked for. Of others a few first calls are made.

        Raises:
            Stopped: as `trial` does.
        """
        for name in rule.rerank:
            learns = isinstance(self._scorers[name], Learner)
            unhurried = self._alone[name].model_copy(update={"candidates": rule.candidates})
            for case in cases if learns else cases[:_FIRST_CALLS]:
                await self._rank(unhurried, case)

    async def trial(self, rule: Rule, case: Case) -> Trial:
        """Rank a case by one of the rules.

        Raises:
            OutOfReach: a model is set up wrong; no other case would fare better.
            OutOfMoney: there was not enough for this case.
        """
        return await self._rank(self._measured[rule], case)

    def _check_loaded(self) -> None:
        if not all(scorer.ready for scorer in self._scorers.values()):
            raise OutOfReach(Reason.MODEL_FAILED)

    async def _rank(self, rule: Rule, case: Case) -> Trial:
        started = perf_counter()
        ranker = self._app.ranker(rule.scoring)
        page = case.page
        plan = make_plan(
            (Search(page.stop - page.start, page.start, case.query),),
            _NO_HEADERS,
            rule,
            Prospect(reach=lambda _, seconds: ranker.usual_reach(seconds)),
        )
        total = len(case.candidates)
        if isinstance(plan, Reason):
            ranked = Ranked.store_order(total, Outcome.PASSED, plan)
            return Trial(ranked.order, ranked.verdict, None, perf_counter() - started)
        search = plan.searches[0]
        fetched = case.candidates[: search.window]
        ranked = await ranker.rank(
            case.query,
            fetched,
            window=search.depth,
            deadline=asyncio.get_running_loop().time() + plan.budget - (perf_counter() - started),
            at_least=rule.candidates.at_least,
            reuse=NOTHING,
            blend=rule.blend,
        )
        ranked = _narrowed(ranked, search, len(fetched))
        seconds = perf_counter() - started
        self._stop_if_vain(ranked.verdict)
        order = (*ranked.order, *range(len(fetched), total))
        return Trial(order, ranked.verdict, ranked.scores, seconds, search.wanted)

    def _stop_if_vain(self, verdict: Verdict) -> None:
        if self._purse.refused:
            raise OutOfMoney
        for reason in (verdict.reason, *(attempt.reason for attempt in verdict.attempts)):
            if reason in _HOPELESS:
                raise OutOfReach(reason)


def _narrowed(ranked: Ranked, search: SearchPlan, fetched: int) -> Ranked:
    """Return what is told of a search for which fewer rows were fetched than the rule wants."""
    if search.narrowed is not None and fetched >= search.depth:
        return ranked.out_of(search.wanted, search.narrowed)
    return ranked
