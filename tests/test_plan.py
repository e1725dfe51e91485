"""Pure decisions: mode, budget, window, page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import Reason, Search
from proxy.plan import make_plan
from proxy.policy import Rule

ON = Rule()
QUERY = ("x-midrank-query", "q")


def plan(*searches, rule=ON, headers=(QUERY,), row_limit=None):
    return make_plan(searches, CIMultiDictProxy(CIMultiDict(headers)), rule, row_limit)


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
    [("50", 0.05), ("0", 0.0), ("151", 0.15), ("1e9", 0.15), ("-1", 0.15), ("nan", 0.15), ("soon", 0.15)],
)
def test_a_caller_can_only_shorten_the_budget(wish, budget):
    assert plan(Search(10), headers=(QUERY, ("x-midrank-budget-ms", wish))).budget == budget


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
