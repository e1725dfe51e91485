"""Whether what people used speaks for the reranked order or for the store's, where both were shown as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.stats.sequences import PreferenceTest, RunningMean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.evidence.exchanges import Signal

# One chance in 20 of ever being wrong, at whatever time one looks.
ALPHA = 0.05


class Tally:
    """Answers that spoke for one order or the other, or for neither, and how sure the difference is."""

    def __init__(self) -> None:
        """Start with none."""
        self.wins = self.ties = self.losses = 0
        self._test = PreferenceTest()
        self._mean = RunningMean()
        self._interval = (0, (-1.0, 1.0))

    def add(self, value: float) -> None:
        """Count an answer: above 0 where it spoke for the reranked order, below 0 for the store's.

        One that spoke for neither says nothing about which is better: it is counted, and has no part in mean
        and test.
        """
        if value == 0:
            self.ties += 1
            return
        self.wins += value > 0
        self.losses += value < 0
        self._test.add(value)
        self._mean.add(value)

    @property
    def decided(self) -> int:
        """How many spoke for one of the two."""
        return self._mean.count

    @property
    def preference(self) -> float:
        """The mean of what they said, from -1 (the store's order) to 1."""
        return self._mean.mean

    @property
    def p_value(self) -> float:
        """How likely so clear a preference would ever have shown, were there none."""
        return self._test.p_value

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the preference, valid at whatever time one looks."""
        count, interval = self._interval
        if count != self._mean.count:
            # Takes half a millisecond.
            count, interval = self._mean.count, self._mean.interval(ALPHA)
            self._interval = (count, interval)
        return interval

    def figures(self) -> dict[str, float]:
        """Return all of that."""
        low, high = self.interval
        return {
            "wins": self.wins,
            "ties": self.ties,
            "losses": self.losses,
            "preference": self.preference,
            "preference_low": low,
            "preference_high": high,
            "p_value": self.p_value,
        }


class Preferences:
    """What the drawn answers of one collection said, in all and by signal.

    In all a citation counts less than what people did; among citations each counts the same.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._all = Tally()
        self._by_signal: dict[Signal, Tally] = {}
        self.repeated = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was heard."""
        return not self._by_signal

    def add(self, sign: int, weight: float, signal: Signal) -> None:
        """Count an answer that spoke for the reranked order (1), for the store's (-1), or for neither (0)."""
        self._by_signal.setdefault(signal, Tally()).add(sign)
        if weight or not sign:
            self._all.add(sign * weight)

    def figures(self) -> dict[str, float]:
        """Return the figures of all of them; `repeated` are those that shared a draft with one of these."""
        return {**self._all.figures(), "repeated": self.repeated}

    def evidence(self) -> dict[str, object]:
        """Return the same in a sentence, in all and by signal."""
        signals: Mapping[str, object] = {key: one.figures() for key, one in self._by_signal.items()}
        return {"verdict": self.verdict(), **self.figures(), "signals": signals}

    def verdict(self) -> str:
        """Return what is proven, as a sentence."""
        one = self._all
        if not one.decided:
            return "Nothing heard yet that tells the two orders apart."
        votes = (
            f"of the answers that told them apart, {one.wins} spoke for the reranked order and {one.losses} "
            f"for the store's (p = {one.p_value:.2g})."
        )
        if one.p_value >= ALPHA:
            return f"No preference proven: {votes}"
        preferred = "reranked" if one.preference > 0 else "store's"
        return f"The {preferred} order is preferred: {votes}"
