"""Searches that ask the same: a query that is asked often is no more evidence than one that is asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.scoring.score_keys import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.tuning.cases import Case


def same_query(text: str) -> str:
    """Return what searches for the same have in common: letter case, spaces and composed characters aside."""
    return normalised(text).casefold()


def mean_by_query(asked: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the mean of what belongs to the same query, for every query, as it came first."""
    found: dict[str, list[float]] = {}
    for query, value in asked:
        found.setdefault(same_query(query), []).append(value)
    return {query: sum(values) / len(values) for query, values in found.items()}


def newest_of_each(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Return of cases, the oldest first, the last one of every query."""
    return tuple({same_query(case.query): case for case in cases}.values())
