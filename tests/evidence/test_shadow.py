"""Shadow figures: what reranking would have changed, in bounded memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.shadow import ShadowStats
from proxy.model import Outcome, Reason
from proxy.stats.overlap import overlap_at, rank_biased_overlap
from tests.fakes.observations import observation

ORDERS = st.integers(2, 30).flatmap(lambda total: st.permutations(range(total)))


def figures(*seen):
    stats = ShadowStats()
    for one in seen:
        stats.tell(one)
    return dict(stats.figures())["chroma", "docs"]


def test_an_equal_order_would_have_changed_nothing():
    told = figures(observation(range(10), shown="shadow"))

    assert told["searches"] == told["compared"] == 1
    assert told["overlap"] == 1
    assert told["rank_biased_overlap"] == pytest.approx(1)
    assert told["displaced_top1"] == 0


def test_what_would_have_changed_is_averaged():
    changed = observation([4, 5, 0, 1, 2, 3], shown="shadow", limit=2)
    same = observation(range(6), shown="auto_off", limit=2)

    told = figures(changed, same, same, same)

    assert told["overlap"] == 0.75
    assert told["displaced_top1"] == 0.25


@given(st.lists(ORDERS, min_size=1, max_size=8), st.integers(1, 10))
def test_figures_are_means_over_searches_in_whatever_order(orders, limit):
    seen = [observation(order, shown="shadow", limit=limit) for order in orders]
    overlaps = [overlap_at(order, range(len(order)), limit) for order in orders]
    biased = [rank_biased_overlap(order, range(len(order))) for order in orders]

    told = figures(*seen)

    assert told["overlap"] == pytest.approx(sum(overlaps) / len(orders))
    assert told["rank_biased_overlap"] == pytest.approx(sum(biased) / len(orders))
    assert told == pytest.approx(figures(*reversed(seen)))


@pytest.mark.parametrize("shown", ["reranked", "interleaved"])
def test_what_callers_got_reranked_is_passed_over(shown):
    stats = ShadowStats()

    stats.tell(observation(shown=shown))

    assert list(stats.figures()) == []


def test_a_search_that_would_have_fallen_back_is_told_and_not_compared():
    stats = ShadowStats()
    stats.tell(observation(range(5), shown="shadow", outcome=Outcome.FALLBACK, reason=Reason.LATE))
    stats.tell(observation([1, 0, 2, 3], shown="shadow", outcome=Outcome.PARTIAL, reason=Reason.LATE))

    told = dict(stats.evidence())["chroma", "docs"]

    assert (told["searches"], told["compared"]) == (2, 1)
    assert told["outcomes"] == {"fallback": 1, "partial": 1}
    assert told["reasons"] == {"late": 2}
    assert json.loads(json.dumps(told)) == told


def test_later_pages_of_a_ranking_are_not_compared_again():
    told = figures(
        observation(shown="shadow"), observation(shown="shadow", offset=5), observation((), shown="shadow")
    )

    assert (told["searches"], told["compared"]) == (3, 1)


def test_without_a_comparison_there_are_no_means():
    assert "overlap" not in figures(observation(range(5), shown="shadow", outcome=Outcome.PASSED))


def test_the_time_that_would_have_been_added_is_told_as_quantiles():
    told = figures(*(observation(shown="shadow", added=place / 1000) for place in range(1, 101)))

    assert told["added_p50"] == pytest.approx(0.050, rel=0.12)
    assert told["added_p95"] == pytest.approx(0.095, rel=0.12)
    assert told["added_p99"] == pytest.approx(0.099, rel=0.12)


def test_shed_rankings_are_counted_without_a_search():
    stats = ShadowStats()

    stats.shed("chroma", "docs")
    stats.shed("chroma", "docs")

    assert dict(stats.figures())["chroma", "docs"]["shed"] == 2
    assert dict(stats.figures())["chroma", "docs"]["searches"] == 0


def test_collections_are_apart_and_the_one_not_searched_for_longest_makes_room():
    stats = ShadowStats(max_collections=2)
    for collection in ("a", "b", "a", "c"):
        stats.tell(observation(shown="shadow", collection=collection))

    assert set(dict(stats.figures())) == {("chroma", "a"), ("chroma", "c")}
    assert dict(stats.figures())["chroma", "a"]["searches"] == 2


def test_neither_queries_nor_ids_nor_texts_are_told():
    stats = ShadowStats()
    stats.tell(observation(shown="shadow", query="my secret query", exchange="00000000000000aa"))

    told = repr((list(stats.figures()), list(stats.evidence())))

    assert "secret" not in told
    assert "d0" not in told
    assert "00000000000000aa" not in told


def test_of_very_many_candidates_the_first_hundred_are_compared():
    """Behind them nothing weighs anything, and it is done on the event loop."""
    order = [*range(100), *range(1999, 99, -1)]

    assert figures(observation(order, shown="shadow"))["rank_biased_overlap"] == pytest.approx(1, abs=1e-9)
    assert rank_biased_overlap(order, range(2000)) == pytest.approx(1, abs=1e-4)


def test_figures_are_told_one_collection_at_a_time_whatever_happens_in_between():
    stats = ShadowStats(max_collections=2)
    for collection in "ab":
        stats.tell(observation(shown="shadow", collection=collection))
    told = stats.figures(), stats.evidence()
    first = [next(one)[0] for one in told]
    stats.tell(observation(shown="shadow", collection="c"))

    assert first == [("chroma", "a")] * 2
    assert [[place for place, _ in one] for one in told] == [[("chroma", "b")]] * 2
