"""Of a search it is remembered which rows it showed, where both orders have them, and for whom they speak."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.query_number import query_number
from proxy.evidence.shown import MAX_RANKS, MAX_ROWS, Row, neutral_places, shown_search
from proxy.model import Candidate
from proxy.stats.team_draft import team_draft
from tests.fakes.observations import observation

ORDERS = st.integers(2, 9).flatmap(lambda total: st.permutations(range(total)))


def shown(seen):
    return shown_search(seen)


def rows(search, *ids):
    return sorted(search.find(frozenset(map(hash, ids))))


def drawn(order, seed=1, **kwargs):
    draft = team_draft(range(len(order)), order, random.Random(seed))
    return observation(order, shown="interleaved", shown_order=draft.order, teams=draft.teams, **kwargs)


def test_rows_are_found_by_their_ids_with_their_places_in_both_orders():
    search = shown(observation([2, 0, 1, 3, 4], limit=3))

    assert not search.drawn
    assert rows(search, "d2", "d1", "d4", "odd") == [Row(0, 1, 2), Row(0, 2, 0)]


def test_of_a_later_page_its_own_rows_are_remembered():
    search = shown(observation([2, 0, 1, 3, 4], limit=2, offset=2))

    assert rows(search, "d1", "d3", "d0") == [Row(0, 1, 2), Row(0, 3, 3)]


def test_numbers_are_ids_as_the_codec_reads_them():
    found = (Candidate("7", "a"), Candidate("18446744073709551615", "b"))

    assert len(rows(shown(observation([1, 0], found=found)), "7", "18446744073709551615")) == 2


def test_drawn_rows_speak_for_the_order_that_has_drawn_them():
    seen = drawn([3, 2, 1, 0])
    search = shown(seen)

    assert search.drawn
    for index, team in zip(seen.order, seen.teams, strict=True):
        assert rows(search, f"d{index}")[0].credit == (1 if team else -1)


def test_of_a_drawn_later_page_each_row_speaks_for_its_own_captain():
    seen = drawn([0, 1, 2, 7, 6, 5, 4, 3], offset=3, limit=3)
    page = list(zip(seen.order, seen.teams, strict=True))[3:6]

    assert [rows(shown(seen), f"d{index}")[0].credit for index, _ in page] == [
        2 * team - 1 for _, team in page
    ]


def test_rows_at_which_both_orders_agree_speak_for_neither():
    search = shown(drawn([0, 1, 3, 2, 4, 5], limit=6))
    credits_ = {index: rows(search, f"d{index}")[0].credit for index in range(6)}

    assert [index for index, credit in credits_.items() if credit == 0] == [0, 1, 4, 5]


def test_answers_with_the_same_coins_for_the_same_query_are_of_one_draft():
    base = shown(drawn(range(20)[::-1], query="which one"))
    others = [
        shown(drawn(range(20)[::-1], **change))
        for change in ({"seed": 2}, {"query": "another"}, {"collection": "other"}, {"store": "qdrant"})
    ]

    again = shown(drawn(range(20)[::-1], query=" which  one", offset=5))
    assert (again.draft, again.query) == (base.draft, base.query)
    assert base.draft not in {other.draft for other in others}
    assert base.query == query_number("which one")


def test_what_was_not_drawn_has_neither_draft_nor_query():
    search = shown(observation())

    assert (search.draft, search.query) == (0, 0)


@pytest.mark.parametrize(
    ("how", "reranked"),
    [("reranked", True), ("interleaved", True), ("shadow", False), ("auto_off", False)],
)
def test_whose_order_was_shown_is_remembered(how, reranked):
    assert shown(observation(shown=how)).shown_reranked is reranked


def test_of_very_many_rows_the_first_are_remembered():
    order = range(MAX_RANKS + 50)[::-1]
    search = shown(observation(order, shown="shadow", limit=len(order)))

    assert len(search.rows) == MAX_ROWS
    assert rows(search, "d0", f"d{MAX_ROWS - 1}", f"d{MAX_ROWS}") == [
        Row(0, 0, MAX_RANKS),
        Row(0, MAX_ROWS - 1, MAX_RANKS + 50 - MAX_ROWS),
    ]


def test_neither_ids_nor_queries_are_kept():
    found = [Candidate(f"secret {n}", "t") for n in "abc"]

    assert "secret" not in repr(shown(drawn([1, 0, 2], query="my secret query", found=found)))


class Scripted(random.Random):
    """Throws the coins it is given."""

    def __init__(self, coins):
        super().__init__(0)
        self.coins = iter(coins)

    def getrandbits(self, _bits, /):
        return next(self.coins)


@given(ORDERS, st.data())
def test_credit_is_fair_to_both_orders(order, data):
    """Over all ways in which coins fall, users who look at places alone prefer neither order."""
    total = len(order)
    used = data.draw(st.sets(st.integers(0, total - 1), max_size=3))
    neutral = list(neutral_places(order))
    sums = [0, 0]
    for coins in itertools.product((0, 1), repeat=(total + 1) // 2):
        draft = team_draft(range(total), order, Scripted(coins))
        credit = sum(2 * draft.teams[place] - 1 for place in used if not neutral[place])
        sums[0] += (credit > 0) - (credit < 0)
        sums[1] += credit

    assert sums == [0, 0]


@given(ORDERS)
def test_a_neutral_place_holds_the_same_row_however_the_coins_fall(order):
    drafts = [
        team_draft(range(len(order)), order, Scripted(coins)).order
        for coins in itertools.product((0, 1), repeat=(len(order) + 1) // 2)
    ]

    for place, neutral in enumerate(neutral_places(order)):
        if neutral:
            assert {draft[place] for draft in drafts} == {order[place]}
