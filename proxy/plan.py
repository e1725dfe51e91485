"""What will be done with a call: pure decisions from the policy, the caller's wishes and the searches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from proxy.deadlines import inherited
from proxy.model import Reason
from proxy.recovery import QueryText, recover
from proxy.scoring.base import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from multidict import CIMultiDictProxy

    from proxy.codecs.base import Window
    from proxy.model import Search
    from proxy.policy import Rule

# Seconds before the end of a caller's patience at which the answer leaves.
RETURN_MARGIN = 0.005
# Rows are fetched for more than is expected to be ranked: a prediction that is too low must not cost depth.
GENEROSITY = 1.5

MODE_HEADER = "x-midrank-mode"
BUDGET_HEADER = "x-midrank-budget-ms"


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """One search's part: the first `depth` of `window` fetched rows are ranked, then `page` is cut.

    `wanted` is the depth that the policy asks for; less is fetched where more could not be ranked in time,
    for the reason `narrowed`.
    A window of None leaves the search as it was sent, for the reason beside it; `page` is then all of it.
    """

    page: slice
    window: Window = None
    depth: int = 0
    wanted: int = 0
    narrowed: Reason | None = None
    text: QueryText | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A call's searches, the seconds that midrank may add, and the seconds that the caller waits in all."""

    rule: Rule
    budget: float
    patience: float
    searches: tuple[SearchPlan, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        """The rows to fetch for every search."""
        return tuple(search.window for search in self.searches)

    @property
    def widens(self) -> bool:
        """Whether more rows are fetched than the app would have got."""
        return any(
            search.window is not None and search.window > search.page.stop - search.page.start
            for search in self.searches
        )


class Prospect(NamedTuple):
    """What is known before the store is asked.

    `row_limit` is the most rows that the store is known to give, None without a known limit; `timeout` the
    seconds that the request itself gives the store; `store_seconds` what the store usually takes. `lag` is
    how late the event loop runs: the request has waited for that, and waits again before it is answered.
    `reach(rule, seconds)` predicts how many candidates the rule's scorers get through, `known(place, query)`
    how many more of the search at that place need no scoring, as they are known.
    """

    row_limit: int | None = None
    timeout: float | None = None
    store_seconds: float = 0.0
    lag: float = 0.0
    reach: Callable[[Rule, float], Reach] = lambda _rule, _seconds: Reach(math.inf)
    known: Callable[[int, str], int] = lambda _place, _query: 0


_NOTHING_KNOWN = Prospect()


def make_plan(
    searches: Sequence[Search],
    headers: CIMultiDictProxy[str],
    rule: Rule | None,
    prospect: Prospect = _NOTHING_KNOWN,
) -> Plan | Reason:
    """Return the plan for a call, or why all of it passes untouched."""
    # A caller can tighten a policy, never widen it: `off` is the only mode that may be asked for.
    if rule is None or rule.mode == "off" or switched_off(headers):
        return Reason.MODE_OFF
    if prospect.row_limit == 0:
        return Reason.REFUSED
    budget = wished_budget(headers, rule.budget_ms) - 2 * prospect.lag
    patience = inherited(headers, prospect.timeout)
    patience = math.inf if patience is None else patience - RETURN_MARGIN - 2 * prospect.lag
    time_left = min(budget, patience - prospect.store_seconds)
    if time_left <= 0:
        return Reason.NO_BUDGET
    texts, reason = recover(searches, headers)
    reach = prospect.reach(rule, time_left)
    share = reach.texts / max(1, sum(text is not None for text in texts))
    plans = tuple(
        _search_plan(
            search,
            text,
            rule,
            row_limit=prospect.row_limit,
            reason=reason,
            reach=reach._replace(
                texts=share * GENEROSITY + (prospect.known(place, text.text) if text else 0)
            ),
        )
        for place, (search, text) in enumerate(zip(searches, texts, strict=True))
    )
    left_alone = next((plan.reason for plan in plans if plan.reason is not None), None)
    if left_alone is not None and all(plan.window is None for plan in plans):
        return left_alone
    return Plan(rule, budget, patience, plans)


def switched_off(headers: CIMultiDictProxy[str]) -> bool:
    """Say whether the caller wants no reranking."""
    return headers.get(MODE_HEADER, "").strip().lower() == "off"


def _search_plan(
    search: Search,
    text: QueryText | None,
    rule: Rule,
    *,
    row_limit: int | None,
    reason: Reason,
    reach: Reach,
) -> SearchPlan:
    everything = slice(None)
    if search.limit == 0:
        return SearchPlan(everything, reason=Reason.TOO_FEW)
    if not search.supported:
        return SearchPlan(everything, reason=Reason.UNSUPPORTED_SEARCH)
    if text is None:
        return SearchPlan(everything, reason=reason)
    end = search.offset + search.limit
    depth = rule.candidates.window(search.limit)
    if row_limit is not None:
        depth = min(depth, row_limit)
    # A page that ends after the most rows the store gives can't be cut from a widened answer.
    if search.offset >= depth or (row_limit is not None and end > row_limit):
        return SearchPlan(everything, reason=Reason.BEYOND_WINDOW)
    wanted = depth
    # Later pages are cut from the same ranking as the first one, as far as that is possible.
    if search.offset == 0 and reach.texts < math.inf:
        least = max(rule.candidates.at_least, search.limit)
        depth = min(depth, max(least, math.ceil(reach.texts)))
    page, narrowed = slice(search.offset, end), reach.reason if depth < wanted else None
    return SearchPlan(page, max(depth, end), depth, wanted, narrowed, text)


def wished_budget(headers: CIMultiDictProxy[str], budget_ms: float) -> float:
    """Return the seconds that may be added: the policy's, or fewer where the caller asks for fewer."""
    try:
        wish = float(headers.get(BUDGET_HEADER, "inf"))
    except ValueError:
        wish = float("inf")
    # `not wish >= 0` is also true of NaN.
    return min(budget_ms, budget_ms if not wish >= 0 else wish) / 1000
