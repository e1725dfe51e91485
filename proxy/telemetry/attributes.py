"""What spans say about rankings: verdicts, and the head of the lists before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model import Candidate, Verdict

# Of every document's attributes the exporter makes messages, one by one: ten documents before and after cost
# more than all else that is told of a search. Who opts in to texts wants to look at them; 50 would exceed the
# default of 128 attributes a span.
MAX_DOCUMENTS, MAX_SHOWN = 5, 10
# Characters of a text, where texts are shown: enough to recognise it. The 20 of a span then are 20 KB.
MAX_TEXT = 1024


def verdict_attributes(verdict: Verdict) -> dict[str, str | float | tuple[str, ...]]:
    """Return a verdict as span attributes."""
    attributes: dict[str, str | float | tuple[str, ...]] = {
        names.OUTCOME: verdict.outcome.value,
        names.SCORED: verdict.scored,
        names.CANDIDATES: verdict.candidates,
    }
    if verdict.reason is not None:
        attributes[names.REASON] = verdict.reason.value
    if verdict.known:
        attributes[names.KNOWN] = verdict.known
    if verdict.near is not None:
        attributes[names.NEAR] = verdict.near
    if verdict.chain:
        attributes[names.ATTEMPTS] = tuple(
            model if reason is None else f"{model};{reason.value}" for model, reason in verdict.chain
        )
    return attributes


def document_attributes(
    prefix: str, candidates: Sequence[Candidate], order: Sequence[int], *, scores: bool, text: bool
) -> dict[str, str | float]:
    """Return the ids of the first rows, flattened as OpenInference wants them.

    With `scores` those that the store gave, too; with `text` more rows, and their texts cut at `MAX_TEXT`.
    """
    attributes: dict[str, str | float] = {}
    for place, index in enumerate(order[: MAX_SHOWN if text else MAX_DOCUMENTS]):
        one = candidates[index]
        attributes[f"{prefix}.{place}.document.id"] = one.id
        if scores and one.score is not None:
            attributes[f"{prefix}.{place}.document.score"] = one.score
        if text and one.text is not None:
            attributes[f"{prefix}.{place}.document.content"] = one.text[:MAX_TEXT]
    return attributes
