"""What was left out of an evaluation, or had no full part in it: a line each, beside the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.evaluation.results import Evaluation


def notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the lines, none where everything was asked and answered."""
    recall = f"recall@{evaluation.window}"
    lines = {
        "more, to which nothing is relevant, are left out": evaluation.unjudged,
        "more, which are judged but whose texts are not there, are left out": evaluation.textless,
        f"of the {evaluation.found:,} rows that the store found do not tell their document's id: "
        "they keep their places, as documents that nobody judged": evaluation.nameless,
        f"of the requests for {recall} failed: in that figure they found nothing": evaluation.unfound,
    }
    return tuple(f"{count:,} {line}" for line, count in lines.items() if count)
