"""Pure decisions: mode, budget, window, page."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import Reason, Search
from proxy.plan import RETURN_MARGIN, Prospect, make_plan
from proxy.policy import Rule
from proxy.scoring.base import Reach

ON = Rule()
QUERY = ("x-midrank-query", "q")


def plan(*searches, rule=ON, headers=(QUERY,), **known):
    return make_plan(searches, CIMultiDictProxy(CIMultiDict(headers)), rule, Prospect(**known))


def test_ten_rows_are_cut_from_fifty():
    (search,) = plan(Search(limit=10)).searches

    assert (search.window, search.depth, search.page) == (50, 50, slice(0, 10))


def test_pages_share_one_window():
    """The window depends on the page's size alone; else pages of one search would overlap or skip rows."""
    pages = [plan(Search(limit=10, offset=offset)).searches[0] for offset in (0, 10, 40)]

    assert {page.depth for page in pages} == {50}
    assert [page.page for page in pages] == [slice(0, 10), slice(10, 20), slice(40, 50)]


def test_a_page_across_the_window_s_end_fetches_its_tail():
    (search,) = plan(Search(limit=10, offset=45)).searches

    assert (search.window, search.depth) == (55, 50)


def test_a_page_beyond_the_window_is_left_alone():
    assert plan(Search(limit=10, offset=50)) is Reason.BEYOND_WINDOW


def test_a_page_larger_than_the_window_is_never_cut():
    (search,) = plan(Search(limit=200)).searches

    assert (search.window, search.depth) == (200, 50)


@pytest.mark.parametrize(
    ("search", "arguments", "reason"),
    [
        (Search(10), {"rule": None}, Reason.MODE_OFF),
        (Search(10), {"rule": Rule(mode="off")}, Reason.MODE_OFF),
        (Search(10), {"headers": (QUERY, ("X-Midrank-Mode", "OFF"))}, Reason.MODE_OFF),
        (Search(10), {"headers": ()}, Reason.NO_QUERY_TEXT),
        (Search(10), {"headers": (("x-midrank-query", "%"),)}, Reason.BAD_QUERY_HEADER),
        (Search(10, supported=False), {}, Reason.UNSUPPORTED_SEARCH),
        (Search(0), {}, Reason.TOO_FEW),
        (Search(10), {"row_limit": 0}, Reason.REFUSED),
    ],
)
def test_what_passes_says_why(search, arguments, reason):
    assert plan(search, **arguments) is reason


def test_a_caller_cannot_switch_reranking_on():
    headers = (QUERY, ("x-midrank-mode", "on"))

    assert plan(Search(10), rule=Rule(mode="off"), headers=headers) is Reason.MODE_OFF


@pytest.mark.parametrize(
    ("wish", "budget"),
    [("50", 0.05), ("151", 0.15), ("1e9", 0.15), ("-1", 0.15), ("nan", 0.15), ("soon", 0.15)],
)
def test_a_caller_can_only_shorten_the_budget(wish, budget):
    assert plan(Search(10), headers=(QUERY, ("x-midrank-budget-ms", wish))).budget == budget


@pytest.mark.parametrize(
    "headers",
    [("x-midrank-budget-ms", "0"), ("x-request-timeout-ms", "0"), ("grpc-timeout", "5m")],
)
def test_without_time_a_search_passes_untouched(headers):
    assert plan(Search(10), headers=(QUERY, headers)) is Reason.NO_BUDGET


def test_a_caller_s_deadline_is_kept_beside_the_budget():
    """It counts from the request's arrival and holds the store's time; the budget does not."""
    found = plan(Search(10), headers=(QUERY, ("x-request-timeout-ms", "100")))

    assert found.budget == 0.15
    assert found.patience == pytest.approx(0.1 - RETURN_MARGIN)


def test_without_a_caller_s_deadline_there_is_no_end_to_its_patience():
    assert plan(Search(10)).patience == math.inf


def test_what_the_event_loop_is_late_by_is_taken_off_twice():
    found = plan(Search(10), headers=(QUERY, ("x-request-timeout-ms", "100")), lag=0.01)

    assert found.budget == pytest.approx(0.13)
    assert found.patience == pytest.approx(0.08 - RETURN_MARGIN)


def test_an_event_loop_that_is_later_than_the_budget_passes_searches_untouched():
    assert plan(Search(10), lag=0.08) is Reason.NO_BUDGET


def test_the_store_s_own_timeout_is_the_caller_s_too():
    assert plan(Search(10), timeout=2.0).patience == pytest.approx(2.0 - RETURN_MARGIN)


def test_a_search_whose_time_the_store_will_use_up_passes_untouched():
    headers = (QUERY, ("x-request-timeout-ms", "100"))

    assert plan(Search(10), headers=headers, store_seconds=0.2) is Reason.NO_BUDGET


def test_no_more_rows_are_fetched_than_could_be_ranked():
    (search,) = plan(Search(limit=10), reach=lambda _rule, _seconds: Reach(12.0, Reason.OVERLOADED)).searches

    assert (search.window, search.depth, search.wanted) == (18, 18, 50)
    assert search.narrowed is Reason.OVERLOADED


@pytest.mark.parametrize("reach", [0.0, 1.0, 3.0])
def test_the_page_and_the_least_depth_are_always_fetched(reach):
    (small, large) = plan(
        Search(limit=3), Search(limit=10), reach=lambda _rule, _seconds: Reach(reach)
    ).searches

    assert (small.depth, large.depth) == (5, 10)


def test_what_is_known_of_a_query_is_fetched_beside_what_can_be_ranked():
    known = {"own": 20}
    searches = (Search(limit=10, query="own"), Search(limit=10, query="other"))
    reaches = plan(
        *searches,
        headers=(),
        reach=lambda _rule, _seconds: Reach(16.0),
        known=lambda _place, query: known.get(query, 0),
    )

    assert [search.depth for search in reaches.searches] == [32, 12]


def test_later_pages_are_cut_from_the_whole_window():
    (search,) = plan(Search(limit=10, offset=10), reach=lambda _rule, _seconds: Reach(1.0)).searches

    assert search.depth == 50


def test_the_reach_is_predicted_for_the_time_that_is_left_and_shared_by_the_searches_of_a_call():
    asked = []

    def reach(rule, seconds):
        asked.append((rule, seconds))
        return Reach(40.0)

    headers = (QUERY, ("x-request-timeout-ms", "105"))
    found = plan(Search(10), Search(10), headers=headers, reach=reach, store_seconds=0.02)

    assert asked == [(ON, pytest.approx(0.08))]
    assert [search.depth for search in found.searches] == [30, 30]


def test_a_store_s_own_row_limit_bounds_the_window():
    (search,) = plan(Search(limit=10), row_limit=30).searches

    assert (search.window, search.depth) == (30, 30)


def test_searches_of_one_call_are_planned_one_by_one():
    decided = plan(Search(10, supported=False), Search(10, query="own"), headers=())

    assert decided.windows == (None, 50)
    assert decided.searches[0].reason is Reason.UNSUPPORTED_SEARCH
    assert decided.searches[0].page == slice(None)


def test_a_page_that_ends_after_the_store_s_own_row_limit_is_left_alone():
    """Widened, it would be refused every time."""
    assert plan(Search(limit=10, offset=15), row_limit=20) is Reason.BEYOND_WINDOW


@given(st.integers(1, 300), st.integers(0, 300), st.none() | st.integers(1, 300))
def test_enough_rows_for_the_page_are_always_fetched(limit, offset, row_limit):
    decided = plan(Search(limit=limit, offset=offset), row_limit=row_limit)

    if decided is Reason.BEYOND_WINDOW:
        return
    (search,) = decided.searches
    assert search.window >= offset + limit
    assert search.depth <= search.window
    assert search.page == slice(offset, offset + limit)
