"""Where the rows of use were: a description of traffic, no evidence, as people look at the top first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.evidence.shown import Row

# Said wherever the figures are: whoever was shown one order has mostly used what that one has at its top.
NOTE = "mean places from 1 on; rows that were shown first are used more, so this favours the order shown"


class Places:
    """Mean places of the first row of use in both orders, apart for answers in the one and in the other."""

    def __init__(self) -> None:
        """Start without answers."""
        self._sums = {True: [0, 0, 0], False: [0, 0, 0]}

    @property
    def empty(self) -> bool:
        """Whether there were no answers."""
        return not any(count for count, *_ in self._sums.values())

    def add(self, rows: Sequence[Row], shown_reranked: bool) -> None:
        """Take in the rows of use, one or more, of an answer in the reranked order or in the store's."""
        sums = self._sums[shown_reranked]
        sums[0] += 1
        sums[1] += 1 + min(row.store_place for row in rows)
        sums[2] += 1 + min(row.reranked_place for row in rows)

    def figures(self) -> dict[str, float]:
        """Return the mean places in both orders, apart by the order that was shown."""
        figures: dict[str, float] = {}
        for shown_reranked, (count, store, reranked) in self._sums.items():
            if count:
                shown = "reranked_shown" if shown_reranked else "store_shown"
                figures[shown] = count
                figures[f"{shown}_store_place"] = store / count
                figures[f"{shown}_reranked_place"] = reranked / count
        return figures

    def evidence(self) -> dict[str, object]:
        """Return the same, with a word of caution."""
        return {"note": NOTE, **self.figures()}
