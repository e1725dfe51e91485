"""The span of a ranking: what was asked of whom, what became of it, and how the rows have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode

from proxy.model import Outcome
from proxy.telemetry import document_attributes, names, verdict_attributes
from proxy.telemetry.attributes import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from proxy.model import Candidate
    from proxy.scoring.ranker import Ranked
    from proxy.telemetry import Telemetry


class RankSpans:
    """Opens spans of rankings and fills them in; with `text`, the policy's word, they may hold texts."""

    def __init__(self, telemetry: Telemetry, *, text: bool) -> None:
        manner = telemetry.manner
        self._telemetry = telemetry
        self._gen_ai = manner.gen_ai
        self._inputs = text and not manner.hide_inputs
        self._outputs = text and not manner.hide_outputs

    def open(
        self, query: str, *, model: str, top_k: int, window: int, budget: float, source: str | None = None
    ) -> AbstractContextManager[Span]:
        """Open the span of a ranking inside a budget in seconds; `source` says where the query came from."""
        attributes: dict[str, str | float] = {
            names.SPAN_KIND: "RERANKER",
            names.RERANKER_MODEL: model,
            names.RERANKER_TOP_K: top_k,
            names.WINDOW: window,
            names.BUDGET_MS: budget * 1000,
        }
        if source is not None:
            attributes[names.SOURCE] = source
        if self._gen_ai:
            attributes |= {
                names.GEN_AI_OPERATION: "rerank",
                names.GEN_AI_MODEL: model,
                names.GEN_AI_TOP_N: top_k,
            }
        if self._inputs:
            attributes[names.RERANKER_QUERY] = attributes[names.INPUT_VALUE] = query[:MAX_TEXT]
        return self._telemetry.span(names.RANK, attributes=attributes)

    def describe(self, span: Span, ranked: Ranked, candidates: Sequence[Candidate]) -> None:
        """Write down what became of a ranking: the outcome, who scored, and how the rows have moved."""
        if not span.is_recording():
            return
        verdict = ranked.verdict
        attributes: dict[str, str | float | Sequence[str]] = {
            **verdict_attributes(verdict),
            **document_attributes(
                names.RERANKER_INPUT, candidates, range(len(candidates)), scores=True, text=self._inputs
            ),
            # After a ranking a score would be taken for the model's.
            **document_attributes(
                names.RERANKER_OUTPUT, candidates, ranked.order, scores=False, text=self._outputs
            ),
        }
        if ranked.scorer is not None:
            attributes[names.RERANKER_MODEL] = ranked.scorer
        if self._gen_ai:
            attributes[names.GEN_AI_CANDIDATES] = len(candidates)
        if verdict.outcome is Outcome.FALLBACK and verdict.reason is not None:
            attributes[names.ERROR_TYPE] = verdict.reason.value
            span.set_status(StatusCode.ERROR)
        span.set_attributes(attributes)
