"""A draft must be fair whatever the rankings are, and the same for the same coins."""

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.team_draft import team_draft

rankings = st.integers(0, 12).flatmap(
    lambda size: st.tuples(st.permutations(range(size)), st.permutations(range(size)))
)
seeds = st.integers(0, 2**64)


class Thrown(Random):
    """Coins that fall as told."""

    def __init__(self, coins):
        super().__init__(0)
        self.coins = iter(coins)

    def getrandbits(self, k):
        return next(self.coins)


@given(rankings, seeds)
def test_all_rows_come_out_once(pair, seed):
    order, teams = team_draft(*pair, Random(seed))
    assert sorted(order) == sorted(pair[0])
    assert len(teams) == len(order)


@given(rankings, seeds)
def test_a_captain_takes_rows_in_the_order_of_the_own_ranking(pair, seed):
    order, teams = team_draft(*pair, Random(seed))
    for team, ranking in enumerate(pair):
        taken = [row for row, whose in zip(order, teams, strict=True) if whose == team]
        assert taken == sorted(taken, key=ranking.index)


@given(rankings, seeds)
def test_a_captain_takes_the_best_that_is_left(pair, seed):
    order, teams = team_draft(*pair, Random(seed))
    for turn, (row, team) in enumerate(zip(order, teams, strict=True)):
        assert row == next(one for one in pair[team] if one not in order[:turn])


@given(rankings, seeds)
def test_teams_are_equal_after_every_pair_of_turns(pair, seed):
    _, teams = team_draft(*pair, Random(seed))
    for turns in range(0, len(teams) + 1, 2):
        assert sum(teams[:turns]) == turns // 2


@given(rankings, seeds)
def test_the_same_coins_give_the_same_draft(pair, seed):
    assert team_draft(*pair, Random(seed)) == team_draft(*pair, Random(seed))


@given(rankings, st.lists(st.integers(0, 1), min_size=6, max_size=6))
def test_exchanging_the_rankings_is_turning_the_coins(pair, coins):
    """So neither has an advantage: of each draft there is a twin, as likely, in which the other has it."""
    first, second = pair
    order, teams = team_draft(first, second, Thrown(coins))
    turned = team_draft(second, first, Thrown(1 - coin for coin in coins))
    assert turned == (order, tuple(1 - team for team in teams))


@given(rankings, seeds)
def test_equal_rankings_are_shown_as_they_are(pair, seed):
    assert team_draft(pair[0], pair[0], Random(seed)).order == tuple(pair[0])


def test_each_place_is_either_teams_as_often():
    drafts = [team_draft([0, 1, 2, 3], [3, 1, 0, 2], Thrown(coins)) for coins in product((0, 1), repeat=2)]
    assert [sum(draft.teams[place] for draft in drafts) for place in range(4)] == [2, 2, 2, 2]


def test_a_known_draft():
    assert team_draft([0, 1, 2, 3], [3, 1, 0, 2], Thrown([1, 0])) == ((3, 0, 1, 2), (1, 0, 0, 1))


@pytest.mark.parametrize("size", [0, 1])
def test_short_rankings_are_drafted_too(size):
    assert team_draft(range(size), range(size), Random(1)).order == tuple(range(size))
