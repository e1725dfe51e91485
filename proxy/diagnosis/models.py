"""Whether models are there, load, and how long they take for what a rule wants of them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from proxy.diagnosis.finding import failed, ok, warning
from proxy.diagnosis.reasons import to_do
from proxy.errors import BadConfig, Unscored
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.scorers import build_scorer, locate_models
from proxy.scoring.base import NOTHING, ScoreJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.diagnosis.finding import Finding
    from proxy.policy import Policy

# Texts of the usual length that one batch is timed with, and the seconds that it may take.
TEXTS = 8
_PATIENCE = 60.0
_TEXT = "A passage of ordinary words, about as long as what applications keep in one row of a store. " * 5
_QUERY = "what is a passage made of"


def located(policy: Policy) -> Finding:
    """Say whether the files of all models in use are there. Reads folders."""
    try:
        locate_models(policy)
    except BadConfig as error:
        wrong = "; ".join(f"{one.key}: {one.value}" for one in error.mistakes)
        return failed("model files", wrong, "; ".join(dict.fromkeys(one.allowed for one in error.mistakes)))
    return ok("model files", "all there")


async def loaded(policy: Policy, *, local: bool, remote: bool) -> AsyncIterator[Finding]:
    """Load models one after the other, and time a batch of each: those of this machine, or those behind APIs.

    The latter cost what a call costs.
    """
    for name in policy.used_models:
        behind_api = isinstance(policy.models[name], RemoteModel | LlmModel)
        if remote if behind_api else local:
            yield await _one(policy, name)


async def _one(policy: Policy, name: str) -> Finding:
    what = f"model {name}"
    started = time.perf_counter()
    try:
        scorer = build_scorer(name, policy.models[name])
    except BadConfig as error:
        return failed(what, str(error), "mend the policy")
    try:
        await scorer.start()
        loading = time.perf_counter() - started
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        texts = tuple(f"{number}. {_TEXT}" for number in range(TEXTS))
        started = time.perf_counter()
        await scorer.score(ScoreJob(_QUERY, texts, deadline, reuse=NOTHING))
        seconds = time.perf_counter() - started
    except BadConfig as error:
        return failed(what, str(error), "mend what it names")
    except Unscored as error:
        return failed(what, error.reason.value, to_do(error.reason))
    finally:
        await scorer.close()
    told = f"loads in {loading:.1f} s, reads {TEXTS} texts in {seconds * 1000:.0f} ms"
    tightest = min(
        (rule.budget_ms for rule in policy.rules if rule.mode != "off" and name in rule.rerank), default=None
    )
    if tightest is not None and seconds * 1000 > tightest:
        return warning(what, f"{told}; a rule gives it {tightest:g} ms", to_do("late"))
    return ok(what, told)
