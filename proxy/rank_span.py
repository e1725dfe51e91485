"""What the span of a ranking says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode

from proxy import telemetry as names
from proxy.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span

    from proxy.model import Candidate
    from proxy.scoring.ranker import Ranked


def describe(span: Span, ranked: Ranked, candidates: Sequence[Candidate]) -> None:
    """Write down what became of a ranking: the outcome, who scored, and how the rows have moved."""
    if not span.is_recording():
        return
    verdict = ranked.verdict
    span.set_attributes(names.verdict_attributes(verdict))
    if ranked.scorer is not None:
        span.set_attribute(names.RERANKER_MODEL, ranked.scorer)
    if verdict.outcome is Outcome.FALLBACK and verdict.reason is not None:
        span.set_attribute(names.ERROR_TYPE, verdict.reason.value)
        span.set_status(StatusCode.ERROR)
    span.set_attributes(names.document_attributes(names.RERANKER_INPUT, candidates, range(len(candidates))))
    span.set_attributes(names.document_attributes(names.RERANKER_OUTPUT, candidates, ranked.order))
