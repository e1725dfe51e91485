"""Whether answers are of use more often where callers are reranked than where they aren't: an A/B test."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from proxy.evidence.preferences import ALPHA
from proxy.stats.sequences import RunningMean

if TYPE_CHECKING:
    from proxy.evidence.experiments import Arm

# Who comes after so many has no part in it: to be counted once, callers have to be remembered.
MAX_CALLERS = 100_000
# With fewer on a side the test is about these callers more than about reranking.
FEWEST_CALLERS = 30
# A split this unlikely is no accident. As usual for the check, far below the level of the test itself: it is
# looked at in every experiment (Fabijan et al., "Diagnosing sample ratio mismatch", KDD 2019).
SPLIT_ALPHA = 0.001


class SplitCheck:
    """Whether as many callers are on each side as there should be, at whatever time one looks.

    Bets against the share with a mixture of other ones: the Dirichlet-multinomial test of Lindon & Malek,
    "Anytime-valid inference for multinomial count data", NeurIPS 2022, of two sides.
    """

    # The mixture's weight, in callers: other shares are looked for at a distance of some per cent.
    _PRIOR = 100.0

    def __init__(self) -> None:
        """Start without callers."""
        self.treated = self.control = 0
        self._best = 0.0

    def add(self, arm: Arm) -> None:
        """Count a new caller."""
        treated = arm.name == "treatment"
        self.treated += treated
        self.control += not treated
        if arm.share < 1:
            self._best = max(self._best, self._log_capital(arm.share))

    @property
    def p_value(self) -> float:
        """How likely so uneven a split would ever have shown by accident."""
        return math.exp(-self._best)

    def _log_capital(self, share: float) -> float:
        treated, control = self._PRIOR * share, self._PRIOR * (1 - share)
        return (
            _log_beta(treated + self.treated, control + self.control)
            - _log_beta(treated, control)
            - self.treated * math.log(share)
            - self.control * math.log1p(-share)
        )


class Trial:
    """The two sides of one collection's experiment.

    A caller counts once, with the first answer. Callers differ in how often they find what they want, and are
    what was drawn: counted with every visit the interval would close around those who happen to be on each
    side, and prove a difference between them that reranking has no part in.
    """

    def __init__(self, most_callers: int = MAX_CALLERS) -> None:
        """Start without callers, and take so many."""
        self._most = most_callers
        self._split = SplitCheck()
        # Their numbers, sorted: a set takes twelve times as much.
        self._callers = array("Q")
        # Of values in [-1, 1]: a share s is taken in as 2 s - 1.
        self._means = {"treatment": RunningMean(), "control": RunningMean()}
        self._intervals: tuple[tuple[int, int], dict[str, float]] = ((0, 0), {})
        self._repeated = self._left_out = 0

    @property
    def empty(self) -> bool:
        """Whether nobody took part."""
        return not self._callers

    def begin(self, arm: Arm) -> bool:
        """Say whether an answer to a caller counts: it is the caller's first, and there is room.

        This is settled before anyone knows whether it is of use: choosing among answers that have been judged
        would prefer the good ones.
        """
        place = bisect_left(self._callers, arm.caller)
        known = self._callers[place : place + 1] == array("Q", (arm.caller,))
        if known or len(self._callers) >= self._most:
            self._repeated += known
            return False
        self._callers.insert(place, arm.caller)
        self._split.add(arm)
        return True

    def leave_out(self) -> None:
        """Take note that an answer that counts was forgotten before its time."""
        self._left_out += 1

    def add(self, arm: Arm, success: float) -> None:
        """Take in how much an answer that counts was of use, from 0 to 1."""
        self._means[arm.name].add(2 * success - 1)

    def figures(self) -> dict[str, float]:
        """Return how often answers were of use on both sides, and the difference with its 95 % interval."""
        treated, control = self._means["treatment"], self._means["control"]
        if self._intervals[0] != (treated.count, control.count):
            self._intervals = ((treated.count, control.count), self._difference())
        return {
            "treatment": treated.count,
            "control": control.count,
            "treatment_callers": self._split.treated,
            "control_callers": self._split.control,
            "split_p_value": self._split.p_value,
            "waiting": max(0, len(self._callers) - treated.count - control.count - self._left_out),
            "left_out": self._left_out,
            "repeated": self._repeated,
            **self._intervals[1],
        }

    def evidence(self) -> dict[str, object]:
        """Return the same, and what is proven as a sentence."""
        return {"verdict": self.verdict(), **self.figures()}

    def verdict(self) -> str:
        """Return what is proven, as a sentence."""
        split = self._split
        if split.p_value < SPLIT_ALPHA:
            return (
                f"Not to be trusted: {split.treated} callers were reranked and {split.control} were not, "
                f"which is not the split of the policy (p = {split.p_value:.2g})."
            )
        treated, control = (self._means[name].count for name in ("treatment", "control"))
        if min(treated, control) < FEWEST_CALLERS:
            return (
                f"Too few callers to tell: of those whose time to say something is over, {treated} were "
                f"reranked and {control} were not; {FEWEST_CALLERS} on each side are the least."
                f"{self._remarks()}"
            )
        figures = self.figures()
        rates = (
            f"{figures['treatment_rate']:.1%} of the reranked answers were of use, and "
            f"{figures['control_rate']:.1%} of the store's (95 % interval of the difference "
            f"{figures['difference_low']:+.1%} to {figures['difference_high']:+.1%}).{self._remarks()}"
        )
        if figures["difference_low"] > 0:
            return f"Reranking helps: {rates}"
        return (
            f"Reranking harms: {rates}"
            if figures["difference_high"] < 0
            else f"No difference proven: {rates}"
        )

    def _remarks(self) -> str:
        """Return the sentences that anyone who believes the verdict should know."""
        full = len(self._callers) >= self._most
        return (f" These are the first {self._most:,} callers; nobody else has a part." if full else "") + (
            f" {self._left_out:,} answers are left out that were forgotten before their time: `remember` is "
            "too small."
            if self._left_out
            else ""
        )

    def _difference(self) -> dict[str, float]:
        treated, control = self._means["treatment"], self._means["control"]
        if not treated.count or not control.count:
            return {}
        # Each interval is wrong with half the chance, so that both are right at once with all of it.
        (low, high), (own_low, own_high) = (one.interval(ALPHA / 2) for one in (treated, control))
        return {
            "treatment_rate": (1 + treated.mean) / 2,
            "control_rate": (1 + control.mean) / 2,
            "difference": (treated.mean - control.mean) / 2,
            "difference_low": (low - own_high) / 2,
            "difference_high": (high - own_low) / 2,
        }


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
