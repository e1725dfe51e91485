"""How good answers are, query by query: by ir-measures, which asks trec_eval's own code (pytrec_eval).

Documents that nobody judged count as not relevant, and a query without an answer as 0. An answer is cut at
its page, so a reciprocal rank or an average precision is that of the page, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.evaluation.results import LIFT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.evaluation.judged import JudgedQuery


def measured(
    queries: Sequence[JudgedQuery], answers: Sequence[Sequence[str]], k: int
) -> dict[str, list[float]]:
    """Return a figure for every query, by the measures' names: NDCG@5, NDCG@k, MRR@k and MAP@k.

    `answers`, parallel to `queries`, are document ids, best first, each once; only the first `k` count.
    """
    from ir_measures import AP, RR, nDCG  # noqa: PLC0415 - of the [eval] extra

    names = {LIFT: nDCG @ 5, f"NDCG@{k}": nDCG @ k, f"MRR@{k}": RR, f"MAP@{k}": AP}
    return _calculated(names, queries, [answer[:k] for answer in answers])


def recalled(queries: Sequence[JudgedQuery], answers: Sequence[Sequence[str]]) -> list[float]:
    """Return for every query the share of its relevant documents that stand in the answer."""
    from ir_measures import R  # noqa: PLC0415 - of the [eval] extra

    deepest = max((len(answer) for answer in answers), default=0) or 1
    return _calculated({"recall": R @ deepest}, queries, answers)["recall"]


def _calculated(
    names: Mapping[str, Any], queries: Sequence[JudgedQuery], answers: Sequence[Sequence[str]]
) -> dict[str, list[float]]:
    """Return figures in the order of the queries."""
    import ir_measures  # noqa: PLC0415 - of the [eval] extra

    # By place: ids of queries may be anything, and one that the library doesn't answer for has no answer.
    judgments = [
        ir_measures.Qrel(str(place), document, int(grade))
        for place, query in enumerate(queries)
        for document, grade in query.relevant.items()
    ]
    figures = {name: [0.0] * len(queries) for name in names}
    by_measure = {measure: name for name, measure in names.items()}
    found = ir_measures.pytrec_eval.iter_calc(list(by_measure), judgments, list(_run(answers)))
    for place, measure, value in found:
        figures[by_measure[measure]][int(place)] = float(value)
    return figures


def _run(answers: Sequence[Sequence[str]]) -> Iterator[Any]:
    """Yield answers as trec_eval has them: it goes by the score alone, and breaks ties by the id."""
    from ir_measures import ScoredDoc  # noqa: PLC0415 - of the [eval] extra

    for place, answer in enumerate(answers):
        for rank, document in enumerate(answer):
            yield ScoredDoc(str(place), document, float(-rank))
