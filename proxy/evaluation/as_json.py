"""An evaluation as JSON, for machines: all that the table and the page are made of, but for texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from proxy.evaluation.verdict import verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.evaluation.results import Arm, Asked, Evaluation

# Changes with the meaning of a key; new keys may come at any time.
VERSION = 1


def to_json(evaluation: Evaluation, facts: Mapping[str, str]) -> bytes:
    """Return an indented object; times are in seconds, shares from 0 to 1.

    `facts` are what another would need to do the same again, by their names.
    """
    return orjson.dumps(
        {
            "version": VERSION,
            "data": evaluation.data,
            "live": evaluation.live,
            "queries": evaluation.queries,
            "unjudged": evaluation.unjudged,
            "textless": evaluation.textless,
            "documents": evaluation.documents,
            "k": evaluation.k,
            "window": evaluation.window,
            "recall": evaluation.recall,
            "found": {
                "rows": evaluation.found,
                "nameless": evaluation.nameless,
                "failed": evaluation.unfound,
            },
            "arms": [_arm(evaluation, arm) for arm in evaluation.arms],
            "facts": dict(facts),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _arm(evaluation: Evaluation, arm: Arm) -> dict[str, Any]:
    figures = {
        "name": arm.name,
        "policy": arm.policy,
        "models": list(arm.models),
        "budget": arm.budget,
        "measures": dict(arm.measures),
        "latency": {name: getattr(arm, name)._asdict() for name in ("store", "added", "total")},
        "rates": arm.rates._asdict(),
        "scored": arm.scored,
        "asked": [_asked(one) for one in arm.asked],
    }
    if not arm.compared:
        return figures
    verdict = verdict_of(evaluation, arm)
    unsure = {} if arm.is_sure else {"low": None, "high": None}
    compared = {measure: difference._asdict() | unsure for measure, difference in arm.compared.items()}
    told = {"verdict": verdict.kind.value, "sentence": verdict.sentence, "enough": verdict.enough}
    return {**figures, "compared": compared, **told}


def _asked(asked: Asked) -> dict[str, Any]:
    return {**asked._asdict(), "ids": list(asked.ids)}
